/* test-game.h: a game for an environment to play, over UDP
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

/* The game: a thread that answers each command with the result of play(). Like the original, it
 * sends from another socket than the one it listens on. */

typedef struct _TestGame TestGame;
typedef void (*TestGamePlay) (TestGame *game, const char *command);

struct _TestGame
{
  GSocket *listener;
  GSocket *sender;
  GSocket *stranger;      /* it has the address of another host */
  GSocketAddress *client;
  guint port;
  guint client_port;
  TestGamePlay play;
  GPtrArray *commands;
  GThread *thread;
};

GSocket  *test_game_make_socket (const char *address,
                                 guint       port);
TestGame *test_game_prepare     (TestGamePlay play);
void      test_game_start       (TestGame *game);
GThread  *test_game_start_later (TestGame   *game,
                                 const char *greeting);
TestGame *test_game_new         (TestGamePlay play);
void      test_game_stop        (TestGame *game);
void      test_game_free        (TestGame *game);
void      test_game_send        (GSocket    *socket,
                                 TestGame   *game,
                                 const void *data,
                                 gsize       size);
void      test_game_answer      (TestGame   *game,
                                 const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestGame, test_game_free)
