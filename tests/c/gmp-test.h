/* gmp-test.h: the fixture of the tests in C
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

G_BEGIN_DECLS

/* Each case has its own main context and a watchdog. At its end it may have left no child
 * process, file descriptor or memfd that was not there before. The tests do not sleep: they wait
 * for events, and the watchdog ends a case that waits forever. */

typedef void (*GmpTestFunc) (void);

void gmp_test_init (int         *argc,
                    char      ***argv);
void gmp_test_add  (const char  *path,
                    GmpTestFunc  func);

/* Everything takes longer, and needs more memory, under valgrind and the sanitizers. */

double   gmp_test_stretch      (double seconds);
gboolean gmp_test_is_stretched (void);

/* %TRUE under valgrind, where the test is skipped for @reason. */
gboolean gmp_test_skip_under_valgrind (const char *reason);

/* Waits iterate the case's context. */

void          gmp_test_done_cb (GObject      *source,
                                GAsyncResult *result,
                                gpointer      user_data);
GAsyncResult *gmp_test_wait    (GAsyncResult **result);

/* Workers that must succeed. */

void      gmp_test_add_worker (GmpWorkers *workers,
                               int         id,
                               GmpMethod   method,
                               GVariant   *params);
GVariant *gmp_test_run_in_loop (GmpWorkers *workers);
GVariant *gmp_test_run        (GmpWorkers *workers);

/* The case's folder, removed at its end, and files in it. */

const char *gmp_test_get_folder (void);
char       *gmp_test_build_path (const char *name);
void        gmp_test_forgo_leak_check (void);
void        gmp_test_call_all  (GmpPool   *pool,
                                GmpMethod  method,
                                guint      n);
guint       gmp_test_count_lines (const char *path);

/* A program or library built beside the test. */

char *gmp_test_find_built (const char *name);

/* A meeting of workers: gmp_test_meet() returns when @group processes, the application included,
 * have called it. */

typedef struct _GmpTestMeeting GmpTestMeeting;

GmpTestMeeting *gmp_test_meeting_new  (guint           group);
const char     *gmp_test_meeting_path (GmpTestMeeting *self);
void            gmp_test_meeting_free (GmpTestMeeting *self);
void            gmp_test_meet         (const char     *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpTestMeeting, gmp_test_meeting_free)

/* Values: @value is not consumed, unless it is floating. */

GVariant *gmp_test_get_int     (GVariant   *results,
                                int         id);
GVariant *gmp_test_get_string  (GVariant   *results,
                                const char *id);
void      gmp_test_check_value (GVariant   *value,
                                const char *text);
void      gmp_test_check_int   (GVariant   *results,
                                int         id,
                                const char *text);
void      gmp_test_check_string (GVariant  *results,
                                const char *id,
                                const char *text);
gboolean  gmp_test_is_same     (GVariant   *a,
                                GVariant   *b);
void      gmp_test_check_in    (const char *text,
                                const char *part);

G_END_DECLS
