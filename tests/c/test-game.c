/* test-game.c: a game for an environment to play, over UDP
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-game.h"

#include <string.h>

GSocket *
test_game_make_socket (const char *address,
                       guint       port)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) name = g_inet_socket_address_new_from_string (address, port);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM,
                                  G_SOCKET_PROTOCOL_UDP, &error);

  g_assert_no_error (error);
  g_socket_bind (socket, name, FALSE, &error);
  g_assert_no_error (error);
  return socket;
}

static guint
get_port (GSocket *socket)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) name = g_socket_get_local_address (socket, &error);

  g_assert_no_error (error);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (name));
}

static guint
find_free_port (void)
{
  g_autoptr (GSocket) socket = test_game_make_socket ("127.0.0.1", 0);

  return get_port (socket);
}

void
test_game_send (GSocket    *socket,
                TestGame   *game,
                const void *data,
                gsize       size)
{
  g_autoptr (GError) error = NULL;

  g_socket_send_to (socket, game->client, data, size, NULL, &error);
  g_assert_no_error (error);
}

void
test_game_answer (TestGame   *game,
                  const char *text)
{
  test_game_send (game->sender, game, text, strlen (text));
}

static gpointer
game_thread (gpointer data)
{
  TestGame *game = data;
  char buffer[9000];

  while (TRUE)
    {
      g_autoptr (GError) error = NULL;
      gssize n = g_socket_receive (game->listener, buffer, sizeof buffer, NULL, &error);

      g_assert_no_error (error);
      if (n == 0)
        return NULL;
      g_ptr_array_add (game->commands, g_strndup (buffer, (gsize) n));
      game->play (game, game->commands->pdata[game->commands->len - 1]);
    }
}

TestGame *
test_game_prepare (TestGamePlay play)
{
  TestGame *game = g_new0 (TestGame, 1);

  game->play = play;
  game->port = find_free_port ();
  game->client_port = find_free_port ();
  game->commands = g_ptr_array_new_with_free_func (g_free);
  game->client = g_inet_socket_address_new_from_string ("127.0.0.1", game->client_port);
  return game;
}

void
test_game_start (TestGame *game)
{
  game->listener = test_game_make_socket ("127.0.0.1", game->port);
  game->sender = test_game_make_socket ("127.0.0.1", 0);
  game->stranger = test_game_make_socket ("127.0.0.2", 0);
  game->thread = g_thread_new ("game", game_thread, game);
}

typedef struct {
  TestGame *game;
  const char *greeting;
} Later;

static gpointer
later_thread (gpointer data)
{
  g_autofree Later *later = data;
  g_autoptr (GSocket) sender = test_game_make_socket ("127.0.0.1", 0);

  /* A command is refused a few times first; how often does not matter. */
  g_usleep (200 * 1000);
  if (later->greeting != NULL)
    test_game_send (sender, later->game, later->greeting, strlen (later->greeting));
  test_game_start (later->game);
  return NULL;
}

/* Starts it in another thread, after it has sent @greeting (nullable). */
GThread *
test_game_start_later (TestGame   *game,
                       const char *greeting)
{
  Later *later = g_new0 (Later, 1);

  *later = (Later) { game, greeting };
  return g_thread_new ("later", later_thread, later);
}

TestGame *
test_game_new (TestGamePlay play)
{
  TestGame *game = test_game_prepare (play);

  test_game_start (game);
  return game;
}

/* An empty datagram ends the thread. Environments never send one. */
void
test_game_stop (TestGame *game)
{
  g_autoptr (GSocketAddress) own = NULL;

  if (game->thread == NULL)
    return;
  own = g_inet_socket_address_new_from_string ("127.0.0.1", game->port);
  g_socket_send_to (game->sender, own, "", 0, NULL, NULL);
  g_thread_join (g_steal_pointer (&game->thread));
  g_clear_object (&game->listener);
  g_clear_object (&game->sender);
  g_clear_object (&game->stranger);
}

void
test_game_free (TestGame *game)
{
  test_game_stop (game);
  g_object_unref (game->client);
  g_ptr_array_unref (game->commands);
  g_free (game);
}
