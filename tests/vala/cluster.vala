/* cluster.vala: workers on two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

const uint WATCHDOG = 60; // seconds

private Variant? print_node (Variant? params) throws Error {
    print ("%s\n", Gmp.Worker.get_node ());
    return new Variant.string (Gmp.Worker.get_node ());
}

private Variant? die (Variant? params) throws Error {
    Process.abort ();
}

int main (string[] args) {
    Gmp.init (ref args);
    Environment.set_variable ("GMPROC_LAUNCHER", "command:env SLURM_CPUS_ON_NODE=2 {agent}", true);
    Environment.set_variable ("GMPROC_NODES", "alpha, beta", true);
    Posix.alarm (WATCHDOG);

    var workers = new Gmp.Workers ();
    uint n_lines = 0;

    workers.capture_output = true;
    workers.output.connect ((id, stream, line) => {
        assert (workers.get_node (id) == line);
        n_lines++;
    });
    try {
        workers.add (1, print_node, null);
        workers.add (2, print_node, null);
        var results = workers.run (null);
        var first = results.get_child_value (0).get_child_value (1).get_variant ().get_string ();
        var second = results.get_child_value (1).get_child_value (1).get_variant ().get_string ();
        assert (first != second);
        assert (n_lines == 2);
        assert (workers.get_node (1) == null);
        workers.add (3, die, null);
        workers.run ({ 3 });
        assert_not_reached ();
    } catch (Gmp.Error.CRASHED error) {
        assert (workers.get_failures ()[0].node != null);
        return 0;
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
}
