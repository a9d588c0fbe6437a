# applications.py: the examples whose application does more than wait
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import trial


class Applications(trial.Trial):
    def test_application_as_server(self):
        self.assert_prints(['Looking for primes in 100 pieces',
                            '4 clients did 100 pieces',
                            'There are 78498 primes below 1000000'],
                           f'{self.examples}/application-server')

    def test_main_loop_runs_on(self):
        self.assert_prints(['4 workers look for primes',
                            'Worker 0 found 41538 primes',
                            'Worker 1 found 36960 primes',
                            'Worker 2 found 35657 primes',
                            'Worker 3 found 34778 primes',
                            'There are 148933 primes below 2000000',
                            'Meanwhile the main loop ticked on'],
                           f'{self.examples}/application')


if __name__ == '__main__':
    trial.main()
