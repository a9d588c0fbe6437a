/* pendulum.js: environments in C with a policy in JavaScript, and the other way round
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';

import {exit, programArgs} from 'system';

const N_PENDULUMS = 4;
const PULL = 15;

const double = number => new GLib.Variant('d', number);

/* Swings with the pendulum until it has the energy that it needs, and then balances. */
export class Policy extends Gmp.ServerWorker {
    process(_id, [cosine, sine, speed]) {
        if (cosine > 0.95)
            return double(-8 * Math.atan2(sine, cosine) - 2 * speed);
        const missing = PULL - (speed ** 2 / 2 + PULL * cosine);
        return double(speed >= 0 ? missing : -missing);
    }
}

/* The environment of pendulum.c. */
export class Pendulum extends Gmp.ClientWorker {
    start(angle) {
        this.angle = angle;
        this.speed = 0;
        this.sum = 0;
        this.nSteps = 200;
    }

    done() {
        return this.nSteps === 0;
    }

    process() {
        return new GLib.Variant('(ddd)', [Math.cos(this.angle), Math.sin(this.angle), this.speed]);
    }

    update(response) {
        const angle = Math.atan2(Math.sin(this.angle), Math.cos(this.angle));
        const torque = Math.max(-2, Math.min(2, response));
        this.sum -= angle ** 2 + 0.1 * this.speed ** 2 + 0.001 * torque ** 2;
        this.speed += (PULL * Math.sin(angle) + 3 * torque) * 0.05;
        this.speed = Math.max(-8, Math.min(8, this.speed));
        this.angle += this.speed * 0.05;
        this.nSteps--;
    }

    finish() {
        return double(this.sum);
    }
}

/* The mean return of some pendulums that begin to hang, each at another angle. */
async function play(policy, pendulum) {
    const application = Gmp.ClientServer.new(policy);

    for (let i = 0; i < N_PENDULUMS; i++)
        application.add_client(`${i}`, pendulum, double(Math.PI - 0.1 * (i + 1)));
    const results = await application.run_async();
    return [...results.values()].reduce((sum, each) => sum + each) / N_PENDULUMS;
}

if (Gmp.init(import.meta)) {
    if (programArgs.length !== 1) {
        printerr('Usage: gjs -m pendulum.js LIBRARY, the libpendulum.so of pendulum.c');
        exit(1);
    }
    const inC = name => `native:${programArgs[0]}:pendulum_${name}_get_type`;
    const show = (text, mean) => print(text.padEnd(40), mean.toFixed(1).padStart(8));

    show('pendulums in C, policy in JavaScript', await play(Policy, inC('client')));
    show('pendulums in JavaScript, policy in C', await play(inC('policy'), Pendulum));
}
