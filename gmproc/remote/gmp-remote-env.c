/* gmp-remote-env.c: an environment that a game on the other end of UDP plays
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-env-private.h"

#include "remote/gmp-remote-lookup-private.h"
#include "remote/gmp-remote-socket-private.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_OUTPUT_PORT 8081
#define DEFAULT_INPUT_PORT 8080
#define DEFAULT_TIMEOUT 30.0
#define MAX_TIMEOUT (365 * 24 * 3600.0)
/* The largest payload of UDP over IPv4. */
#define DEFAULT_MAX_SIZE 65507

/**
 * GmpRemoteEnv:
 *
 * An environment that is played by a game in another program, such as one made with Unity.
 *
 * It speaks the protocol of UnityRemote, the project for which gmproc was first written: a command
 * goes out in a UDP datagram, and the state of the game comes back in another.
 *
 * ```c
 * g_autoptr (GmpRemoteEnv) env = gmp_remote_env_new ("127.0.0.1", 8081, 8080);
 * g_autoptr (GVariant) state = gmp_remote_env_step (env, "move", g_variant_new_int32 (3),
 *                                                   NULL, &error);
 * double reward;
 *
 * if (state != NULL && g_variant_lookup (state, "reward", "d", &reward))
 *   ...
 * ```
 *
 * A state is a variant of type `a{sv}`. Each field has the type that the game has given it:
 *
 * | set in the game by | type |
 * |---|---|
 * | `SetStateAsFloat` | `d` |
 * | `SetStateAsInt` | `x` |
 * | `SetStateAsBool` | `b` |
 * | `SetStateAsString` | `s`, without blanks around it |
 * | `SetStateAsByteArray` | `ay` |
 * | `SetStateAsFloatArray` | `ad` |
 *
 * A field of any other type is left out.
 *
 * A datagram may be lost, and a command is never sent twice, because the game would play it twice.
 * Each wait therefore has a limit, [property@Gmp.RemoteEnv:timeout]. Datagrams that arrive
 * meanwhile and are not a state (noise, one that is cut off or too large, one from another host)
 * are rejected, and the wait continues; the error mentions them if the time runs out. Datagrams
 * that arrived before the command, such as the state that a game sends when it starts or a late
 * answer, are discarded.
 *
 * The errors are %GMP_ERROR_TIMED_OUT when the game does not answer, %GMP_ERROR_DISCONNECTED when
 * nothing listens on its port, %GMP_ERROR_BAD_PAYLOAD for a command that cannot be sent, and those
 * of GIO: %G_IO_ERROR_PENDING while another command waits for its state, %G_IO_ERROR_CANCELLED, and
 * errors of the network. If a game on this machine has ended, a command fails at once. Until a game
 * has answered for the first time it may still be starting, and gets the whole time-out.
 *
 * Clients of a [class@Gmp.ClientServer] make their environment in their own process: a socket
 * belongs to one process. An object may be used by one thread at a time.
 *
 * Since: 0.1
 */

enum {
  PROP_0,
  PROP_HOST,
  PROP_OUTPUT_PORT,
  PROP_INPUT_PORT,
  PROP_TIMEOUT,
  PROP_MAX_SIZE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (GmpRemoteEnv, gmp_remote_env, G_TYPE_OBJECT)

static void
gmp_remote_env_constructed (GObject *object)
{
  GmpRemoteEnv *self = GMP_REMOTE_ENV (object);

  G_OBJECT_CLASS (gmp_remote_env_parent_class)->constructed (object);
  if (self->host == NULL)
    self->host = g_strdup (DEFAULT_HOST);
  self->game.name = g_strdup_printf ("%s:%u", self->host, self->game.output_port);
}

static void
gmp_remote_env_finalize (GObject *object)
{
  GmpRemoteEnv *self = GMP_REMOTE_ENV (object);

  g_free (self->host);
  g_free (self->game.name);
  g_clear_object (&self->game.address);
  g_clear_object (&self->game.socket);
  G_OBJECT_CLASS (gmp_remote_env_parent_class)->finalize (object);
}

static void
gmp_remote_env_get_property (GObject    *object,
                             guint       prop_id,
                             GValue     *value,
                             GParamSpec *pspec)
{
  GmpRemoteEnv *self = GMP_REMOTE_ENV (object);

  switch (prop_id)
    {
    case PROP_HOST:
      g_value_set_string (value, self->host);
      break;

    case PROP_OUTPUT_PORT:
      g_value_set_uint (value, self->game.output_port);
      break;

    case PROP_INPUT_PORT:
      g_value_set_uint (value, self->input_port);
      break;

    case PROP_TIMEOUT:
      g_value_set_double (value, self->game.timeout);
      break;

    case PROP_MAX_SIZE:
      g_value_set_uint (value, self->game.max_size);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gmp_remote_env_set_property (GObject      *object,
                             guint         prop_id,
                             const GValue *value,
                             GParamSpec   *pspec)
{
  GmpRemoteEnv *self = GMP_REMOTE_ENV (object);

  switch (prop_id)
    {
    case PROP_HOST:
      self->host = g_value_dup_string (value);
      break;

    case PROP_OUTPUT_PORT:
      self->game.output_port = g_value_get_uint (value);
      break;

    case PROP_INPUT_PORT:
      self->input_port = g_value_get_uint (value);
      break;

    case PROP_TIMEOUT:
      self->game.timeout = g_value_get_double (value);
      g_object_notify_by_pspec (object, pspec);
      break;

    case PROP_MAX_SIZE:
      self->game.max_size = g_value_get_uint (value);
      g_object_notify_by_pspec (object, pspec);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/**
 * GmpRemoteEnv:host:
 *
 * The host on which the game runs, as a name or an address. States are taken from no other one.
 *
 * A name is that of an IPv4 address, on which such games listen.
 *
 * Since: 0.1
 */

/**
 * GmpRemoteEnv:output-port:
 *
 * The UDP port on which the game listens for commands.
 *
 * Since: 0.1
 */

/**
 * GmpRemoteEnv:input-port:
 *
 * The UDP port of this process to which the game sends states.
 *
 * If the game runs on this machine, the port is open to this machine only.
 *
 * Since: 0.1
 */

/**
 * GmpRemoteEnv:timeout:
 *
 * The seconds that a command waits for its state; 30 by default, 0 for no limit.
 *
 * Since: 0.1
 */

/**
 * GmpRemoteEnv:max-size:
 *
 * The largest size of a state in bytes, as much as a datagram can have by default. A larger one is
 * refused.
 *
 * Since: 0.1
 */

static void
gmp_remote_env_class_init (GmpRemoteEnvClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags fixed = flags | G_PARAM_CONSTRUCT_ONLY;

  object_class->constructed = gmp_remote_env_constructed;
  object_class->finalize = gmp_remote_env_finalize;
  object_class->get_property = gmp_remote_env_get_property;
  object_class->set_property = gmp_remote_env_set_property;

  properties[PROP_HOST] = g_param_spec_string ("host", NULL, NULL, DEFAULT_HOST, fixed);

  properties[PROP_OUTPUT_PORT] = g_param_spec_uint ("output-port", NULL, NULL, 1, G_MAXUINT16,
                                                    DEFAULT_OUTPUT_PORT, fixed);

  properties[PROP_INPUT_PORT] = g_param_spec_uint ("input-port", NULL, NULL, 1, G_MAXUINT16,
                                                   DEFAULT_INPUT_PORT, fixed);

  properties[PROP_TIMEOUT] = g_param_spec_double ("timeout", NULL, NULL, 0, MAX_TIMEOUT,
                                                  DEFAULT_TIMEOUT, flags);

  properties[PROP_MAX_SIZE] = g_param_spec_uint ("max-size", NULL, NULL, 1, G_MAXUINT16,
                                                 DEFAULT_MAX_SIZE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_remote_env_init (GmpRemoteEnv *self)
{
  self->game.timeout = DEFAULT_TIMEOUT;
  self->game.max_size = DEFAULT_MAX_SIZE;
}

/**
 * gmp_remote_env_new:
 * @host: (nullable): the game's host; %NULL for `127.0.0.1`
 * @output_port: the port on which the game listens, 8081 by default
 * @input_port: the port to which the game sends states, 8080 by default
 *
 * Makes an environment, which opens its port when it is first used.
 *
 * Returns: a new environment
 *
 * Since: 0.1
 */
GmpRemoteEnv *
gmp_remote_env_new (const char *host,
                    guint       output_port,
                    guint       input_port)
{
  g_return_val_if_fail (output_port >= 1 && output_port <= G_MAXUINT16, NULL);
  g_return_val_if_fail (input_port >= 1 && input_port <= G_MAXUINT16, NULL);

  return g_object_new (GMP_TYPE_REMOTE_ENV,
                       "host", host,
                       "output-port", output_port,
                       "input-port", input_port,
                       NULL);
}

gboolean
gmp_remote_env_needs_lookup (GmpRemoteEnv *self)
{
  if (self->game.address == NULL)
    self->game.address = g_inet_address_new_from_string (self->host);
  return self->game.address == NULL;
}

gboolean
gmp_remote_env_take_addresses (GmpRemoteEnv *self,
                               GList        *addresses,
                               GError      **error)
{
  if (addresses == NULL)
    {
      g_prefix_error (error, "Cannot find the game's host: ");
      return FALSE;
    }
  g_set_object (&self->game.address, addresses->data);
  g_resolver_free_addresses (addresses);
  return TRUE;
}

gboolean
gmp_remote_env_open_socket (GmpRemoteEnv *self,
                            GError      **error)
{
  if (self->game.socket == NULL)
    self->game.socket = gmp_remote_socket_new (self->game.address, self->input_port, error);
  return self->game.socket != NULL;
}

/**
 * gmp_remote_env_open:
 * @self: an environment
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens the port to which the game sends states; does nothing when it is open already.
 *
 * A command opens it too, if necessary. Call this to find out early whether the port is free. The
 * search for the address of the game's host has the limit [property@Gmp.RemoteEnv:timeout].
 *
 * Returns: %TRUE if the port is open
 *
 * Since: 0.1
 */
gboolean
gmp_remote_env_open (GmpRemoteEnv *self,
                     GCancellable *cancellable,
                     GError      **error)
{
  g_return_val_if_fail (GMP_IS_REMOTE_ENV (self), FALSE);

  if (gmp_remote_env_needs_lookup (self) &&
      !gmp_remote_env_take_addresses (self, gmp_remote_lookup (self->host, self->game.timeout,
                                                               cancellable, error), error))
    return FALSE;
  return gmp_remote_env_open_socket (self, error);
}

/**
 * gmp_remote_env_close:
 * @self: an environment
 *
 * Closes the port. A command that waits for its state fails with %G_IO_ERROR_CLOSED; the next one
 * opens the port again, and need not wait for that failure.
 *
 * Since: 0.1
 */
void
gmp_remote_env_close (GmpRemoteEnv *self)
{
  g_return_if_fail (GMP_IS_REMOTE_ENV (self));

  if (self->game.socket != NULL)
    g_socket_close (self->game.socket, NULL);
  g_clear_object (&self->game.socket);
  self->game.has_answered = FALSE;
  self->current = NULL;
  if (self->waiting != NULL)
    g_source_set_ready_time (self->waiting, 0);
  g_clear_pointer (&self->waiting, g_source_unref);
}
