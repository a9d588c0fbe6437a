/* host.js: in place of the program of workers in JavaScript: never gets as far as its worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';

new GLib.MainLoop(null, false).run();
