# guide.py: the guide's two programs print the guide's output
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import trial


def life_of(name, state):
    """The lines of the server and of one client that are about that client."""
    lines = [f'starting client {name} with state {state}']
    for turn in range(11):
        lines.append(f'Msg from client {name} is {state + 2 * (turn + 1)}')
        lines.append(f'Client {name} waiting')
    lines.append(f'Client {name} is finishing...')
    return lines


class Guide(trial.Trial):
    def test_workers(self):
        self.assert_prints([str(n) for n in range(1, 11)], f'{self.examples}/workers')

    def test_client_server(self):
        done = self.run_program(f'{self.examples}/client-server')
        self.assertEqual(done.stderr.decode(), '')
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.decode().splitlines()

        # All three run at the same time, so their lines mix, but each one's are in order.
        server = [line for line in lines if line.startswith(('Msg', 'starting server'))]
        self.assertEqual(server[0], 'starting server myserver')
        lines.remove(server[0])
        for name, state in (('par', 2), ('impar', 1)):
            self.assertEqual([line for line in lines if f' {name} ' in line], life_of(name, state))
        self.assertEqual(len(lines), 2 * len(life_of('par', 2)))


if __name__ == '__main__':
    trial.main()
