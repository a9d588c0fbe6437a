/* workers.vala: the guide's first program: a value that ten runs of a worker count up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs in its own process. */
private Variant? example (Variant? params) throws Error {
    return new Variant.int32 (params != null ? params.get_int32 () + 1 : 0);
}

public int main (string[] args) {
    Gmp.init (ref args);

    var workers = new Gmp.Workers ();

    try {
        workers.add (1, example, new Variant.int32 (0));
        for (int turn = 0; turn < 10; turn++) {
            Variant results = workers.run ({ 1 });
            Variant result = results.get_child_value (0).get_child_value (1).get_variant ();

            workers.set_params (1, result);
            print ("%d\n", result.get_int32 ());
        }
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
    return 0;
}
