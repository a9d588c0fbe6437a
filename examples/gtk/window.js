/* window.js: a window that counts prime numbers in a worker, with progress and cancellation
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import Gmp from 'gi://Gmp?version=1';

function is_prime(n) {
    for (let divisor = 2; divisor * divisor <= n; divisor++) {
        if (n % divisor === 0)
            return false;
    }
    return n > 1;
}

/* Runs in its own process. It may take any time, and it may crash. */
export function count_primes(limit) {
    let n_primes = 0;

    for (let n = 1; n <= limit; n++) {
        n_primes += is_prime(n) ? 1 : 0;
        if (n % (limit / 100) === 0)
            Gmp.Worker.report(n / limit);
    }
    return n_primes;
}

function main() {
    // Loaded here, so that workers do without GTK.
    imports.gi.versions.Gtk = '4.0';
    const {Gtk} = imports.gi;
    const application = new Gtk.Application({application_id: 'org.gmproc.Primes'});
    const workers = new Gmp.Workers();
    let cancellable = null;

    workers.add(1, count_primes, 5000000);

    application.connect('activate', () => {
        const window = new Gtk.ApplicationWindow({application, title: 'Primes'});
        const box = new Gtk.Box({orientation: Gtk.Orientation.VERTICAL, spacing: 12});
        const bar = new Gtk.ProgressBar();
        const start = new Gtk.Button({label: 'Start'});
        const cancel = new Gtk.Button({label: 'Cancel', sensitive: false});

        function set_running(is_running) {
            start.sensitive = !is_running;
            cancel.sensitive = is_running;
        }

        workers.connect('progress', (_workers, _id, value) => {
            bar.fraction = Gmp.unpack(value);
        });
        start.connect('clicked', async () => {
            cancellable = new Gio.Cancellable();
            window.title = 'Counting…';
            set_running(true);
            try {
                window.title = `${(await workers.run_async(null, cancellable)).get(1)} primes`;
            } catch (error) {
                window.title = cancellable.is_cancelled() ? 'Cancelled' : error.message;
            }
            set_running(false);
        });
        cancel.connect('clicked', () => cancellable.cancel());

        for (const widget of [bar, start, cancel])
            box.append(widget);
        window.child = box;
        window.present();
    });
    application.run([]);
}

if (Gmp.init(import.meta))
    main();
