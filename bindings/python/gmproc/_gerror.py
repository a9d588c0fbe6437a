# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Errors as GLib has them: with a domain and a number, which are the same in every language."""

from __future__ import annotations

import enum
import sys

import _gmproc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The domain of the library's own errors, whose codes are those of ErrorCode.
ERROR_DOMAIN: str = _gmproc.DOMAIN

ErrorCode: Any = enum.IntEnum('ErrorCode', _gmproc.list_error_codes(), module='gmproc')


class GError(RuntimeError):
    """An error of the C library, or of code in C.

    Attributes:
        message: its text.
        domain: the error domain of the code, such as ``'gmp-error-quark'`` or
            ``'g-io-error-quark'``.
        code: the number.
    """

    def __init__(self, message: str = '', domain: str = ERROR_DOMAIN,
                 code: int = ErrorCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.domain = domain
        self.code = code

    def __str__(self) -> str:
        return f'{self.domain}: {self.message} ({self.code})'

    def matches(self, domain: str | int, code: int) -> bool:
        """True if it is this error. The domain may be a number of GLib, as in PyGObject."""
        if isinstance(domain, int):
            domain = _gmproc.get_domain(domain)
        return self.domain == domain and self.code == code


GError.__module__ = 'gmproc'


def is_gerror(exception: BaseException) -> bool:
    """True if an exception has a domain and a code: this class, or PyGObject's."""
    kinds = GError, getattr(sys.modules.get('gi._error'), 'GError', ())
    return issubclass(type(exception), kinds)  # its __class__ may be the program's, and raise


def make_gerror(code: int, message: str) -> GError:
    """An error of the domain GMP_ERROR."""
    return GError(message, ERROR_DOMAIN, int(code))


def is_death(error: GError) -> bool:
    """True if a process ended before its work was done."""
    return error.matches(ERROR_DOMAIN, ErrorCode.CRASHED) or \
        error.matches(ERROR_DOMAIN, ErrorCode.DISCONNECTED) or \
        error.matches(ERROR_DOMAIN, ErrorCode.NODE_LOST)
