/* client-server.vala: the guide's second program: two clients that count in steps, and their server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The server prints each request, and answers with it. */
public class MyServer : Gmp.ServerWorker {
    private string name = "myserver";

    public override bool start (Variant? params) throws Error {
        print ("starting server %s\n", name);
        return true;
    }

    public override Variant? process (string client_id, Variant? request) throws Error {
        print ("Msg from client %s is %d\n", client_id, request.get_int32 ());
        return request;
    }

    public override bool wait () throws Error {
        Thread.usleep (100 * 1000);
        return true;
    }
}

private int add2 (int n) {
    return n + 2;
}

/* A client sends its state and two more, and takes the answer as its state. */
public class Client : Gmp.ClientWorker {
    private int counter = 0;
    private int state;

    public override bool start (Variant? params) throws Error {
        state = params.get_int32 ();
        print ("starting client %s with state %d\n", id, state);
        return true;
    }

    public override Variant? process () throws Error {
        counter++;
        return new Variant.int32 (add2 (state));
    }

    public override bool update (Variant? response) throws Error {
        state = response.get_int32 ();
        return true;
    }

    public override bool wait () throws Error {
        print ("Client %s waiting\n", id);
        return true;
    }

    public override bool done () throws Error {
        return counter > 10;
    }

    public override Variant? finish () throws Error {
        print ("Client %s is finishing...\n", id);
        return null;
    }
}

public int main (string[] args) {
    /* Worker processes look the types up by name. */
    typeof (MyServer).ensure ();
    typeof (Client).ensure ();
    Gmp.init (ref args);

    var application = new Gmp.ClientServer (typeof (MyServer));

    try {
        application.add_client ("par", typeof (Client), new Variant.int32 (2));
        application.add_client ("impar", typeof (Client), new Variant.int32 (1));
        application.run ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
        return 1;
    }
    return 0;
}
