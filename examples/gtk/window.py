# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A window that counts prime numbers in a worker, with progress and cancellation."""

from concurrent.futures import CancelledError

from gmproc import Workers, report


def is_prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def count_primes(limit):
    """Runs in its own process. It may take any time, and it may crash."""
    n_primes = 0
    for n in range(1, limit + 1):
        n_primes += is_prime(n)
        if n % (limit // 100) == 0:
            report(n / limit)
    return n_primes


def main():
    # Imported here, so that workers do without GTK.
    import gi

    gi.require_version('Gtk', '4.0')
    from gi.repository import Gtk

    class Window(Gtk.ApplicationWindow):
        def __init__(self, application):
            super().__init__(application=application, title='Primes')
            self.run = None
            self.workers = Workers(on_progress=lambda id, value: self.bar.set_fraction(value))
            self.workers.add(1, count_primes, 300_000)

            box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
            self.bar = Gtk.ProgressBar()
            self.start = Gtk.Button(label='Start')
            self.cancel = Gtk.Button(label='Cancel', sensitive=False)
            self.start.connect('clicked', self.on_start)
            self.cancel.connect('clicked', lambda button: self.run.cancel())
            for widget in (self.bar, self.start, self.cancel):
                box.append(widget)
            self.set_child(box)

        def on_start(self, _button):
            self.set_title('Counting…')
            self.set_running(True)
            self.run = self.workers.run_async()
            self.run.add_done_callback(self.on_counted)

        def on_counted(self, run):
            try:
                self.set_title(f'{run.result()[1]} primes')
            except CancelledError:
                self.set_title('Cancelled')
            except Exception as error:
                self.set_title(str(error))
            self.set_running(False)

        def set_running(self, is_running):
            self.start.set_sensitive(not is_running)
            self.cancel.set_sensitive(is_running)

    application = Gtk.Application(application_id='org.gmproc.Primes')
    application.connect('activate', lambda application: Window(application).present())
    application.run()


if __name__ == '__main__':
    main()
