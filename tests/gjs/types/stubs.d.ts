/* stubs.d.ts: as much of @girs/gjs as the types of Gmp need
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

declare function print(...values: any[]): void;

declare module 'gi://GLib?version=2.0' {
    namespace GLib {
        class Variant {
            unpack(): unknown;
        }

        class Error {
            code: number;
            message: string;
        }

        class Bytes {
            get_size(): number;
        }
    }

    export default GLib;
}

declare module 'gi://GObject?version=2.0' {
    namespace GObject {
        interface GType<T = unknown> {
            __type__(type: never): T;
            name: string;
        }

        class Object {
            static $gtype: GType<Object>;
            constructor(properties?: Object.ConstructorProps);
            connect(signal: string, callback: (...args: any[]) => any): number;
        }

        namespace Object {
            interface ConstructorProps {}
        }
    }

    export default GObject;
}

declare module 'gi://Gio?version=2.0' {
    namespace Gio {
        class Cancellable {
            cancel(): void;
        }

        interface AsyncResult {
            get_user_data(): unknown;
        }

        type AsyncReadyCallback<T> = (source: T | null, result: AsyncResult) => void;
    }

    export default Gio;
}
