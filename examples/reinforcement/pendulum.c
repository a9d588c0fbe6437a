/* pendulum.c: a pendulum to swing up as a client, and its controller as a server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <math.h>

#define N_STEPS 200       /* of an episode */
#define SECONDS 0.05      /* that a step takes */
#define MAX_TORQUE 2.0
#define MAX_SPEED 8.0
#define PULL 15.0         /* of gravity */

GType pendulum_client_get_type (void);
GType pendulum_policy_get_type (void);

/* The environment: a request is the observation, cosine and sine of the angle from upright, and the
 * speed; the response is the torque. */

typedef struct {
  GmpClientWorker parent_instance;

  double angle;
  double speed;
  int n_steps;      /* to the end */
  double sum;       /* of rewards */
} PendulumClient;

typedef GmpClientWorkerClass PendulumClientClass;

G_DEFINE_TYPE (PendulumClient, pendulum_client, GMP_TYPE_CLIENT_WORKER)

/* @params: the angle to begin with. */
static gboolean
pendulum_client_start (GmpWorker *worker,
                       GVariant  *params,
                       GError   **error)
{
  PendulumClient *self = (PendulumClient *) worker;

  if (params == NULL || !g_variant_is_of_type (params, G_VARIANT_TYPE_DOUBLE))
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                           "The parameter of a pendulum is its angle, a double");
      return FALSE;
    }
  self->angle = g_variant_get_double (params);
  self->n_steps = N_STEPS;
  return TRUE;
}

static gboolean
pendulum_client_done (GmpWorker *worker,
                      GError   **error G_GNUC_UNUSED)
{
  return ((PendulumClient *) worker)->n_steps == 0;
}

static GVariant *
pendulum_client_process (GmpClientWorker *client,
                         GError         **error G_GNUC_UNUSED)
{
  PendulumClient *self = (PendulumClient *) client;

  return g_variant_new ("(ddd)", cos (self->angle), sin (self->angle), self->speed);
}

static gboolean
pendulum_client_update (GmpClientWorker *client,
                        GVariant        *response,
                        GError         **error)
{
  PendulumClient *self = (PendulumClient *) client;
  double angle = remainder (self->angle, 2 * G_PI);
  double torque;

  if (response == NULL || !g_variant_is_of_type (response, G_VARIANT_TYPE_DOUBLE))
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A torque is a double");
      return FALSE;
    }
  torque = CLAMP (g_variant_get_double (response), -MAX_TORQUE, MAX_TORQUE);
  self->sum -= angle * angle + 0.1 * self->speed * self->speed + 0.001 * torque * torque;
  self->speed += (PULL * sin (angle) + 3 * torque) * SECONDS;
  self->speed = CLAMP (self->speed, -MAX_SPEED, MAX_SPEED);
  self->angle += self->speed * SECONDS;
  self->n_steps--;
  return TRUE;
}

static GVariant *
pendulum_client_finish (GmpWorker *worker,
                        GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_double (((PendulumClient *) worker)->sum);
}

static void
pendulum_client_class_init (PendulumClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = pendulum_client_start;
  GMP_WORKER_CLASS (klass)->done = pendulum_client_done;
  GMP_WORKER_CLASS (klass)->finish = pendulum_client_finish;
  klass->process = pendulum_client_process;
  klass->update = pendulum_client_update;
}

static void
pendulum_client_init (PendulumClient *self G_GNUC_UNUSED)
{
}

/* The policy: swings with the pendulum until it has the energy that it needs, and then balances. */

typedef GmpServerWorker PendulumPolicy;
typedef GmpServerWorkerClass PendulumPolicyClass;

G_DEFINE_TYPE (PendulumPolicy, pendulum_policy, GMP_TYPE_SERVER_WORKER)

static double
choose_torque (double cosine,
               double sine,
               double speed)
{
  double missing = PULL - (speed * speed / 2 + PULL * cosine);

  if (cosine > 0.95)
    return -8 * atan2 (sine, cosine) - 2 * speed;
  return speed >= 0 ? missing : -missing;
}

static GVariant *
pendulum_policy_process (GmpServerWorker *server G_GNUC_UNUSED,
                         const char      *client_id,
                         GVariant        *request,
                         GError         **error)
{
  double cosine, sine, speed;

  if (request == NULL || !g_variant_is_of_type (request, G_VARIANT_TYPE ("(ddd)")))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "The observation of client '%s' is not three doubles", client_id);
      return NULL;
    }
  g_variant_get (request, "(ddd)", &cosine, &sine, &speed);
  return g_variant_new_double (choose_torque (cosine, sine, speed));
}

static void
pendulum_policy_class_init (PendulumPolicyClass *klass)
{
  klass->process = pendulum_policy_process;
}

static void
pendulum_policy_init (PendulumPolicy *self G_GNUC_UNUSED)
{
}
