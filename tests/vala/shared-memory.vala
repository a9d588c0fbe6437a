/* shared-memory.vala: values that the library returns belong to the program
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

int main () {
    try {
        var memory = new Gmp.SharedMemory (16);
        var variant = memory.to_variant ();
        var same = Gmp.SharedMemory.from_variant (variant);
        assert (same.get_size () == 16);
        // A floating reference would be one that nobody releases.
        assert (!variant.is_floating ());
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
    return 0;
}
