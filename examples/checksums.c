/* checksums.c: SHA-256 sums of files, one worker a file, printed as sha256sum prints them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#define CHUNK 65536

typedef struct {
  const char *name;
  gboolean is_done;
  char *sum;        /* (nullable): there is none */
  int error_number; /* why the file could not be read; 0 where its worker did not get that far */
} File;

typedef struct {
  File *files;
  int n_files;
  int n_printed;
  gboolean has_failed;
} Checksums;

/* The sum of what is left to read, or %NULL with errno set. */
static char *
sum_up (int fd)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guchar *chunk = g_malloc (CHUNK);
  gssize n_read;

  do
    {
      n_read = read (fd, chunk, CHUNK);
      if (n_read > 0)
        g_checksum_update (checksum, chunk, n_read);
    }
  while (n_read > 0 || (n_read == -1 && errno == EINTR));
  return n_read == 0 ? g_strdup (g_checksum_get_string (checksum)) : NULL;
}

/* Runs in a worker. A file that cannot be read is no failure of the worker: its result then is the
 * error's number, and the application finds the words. */
static GVariant *
read_file (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  g_autofree char *sum = NULL;
  int fd = open (g_variant_get_bytestring (params), O_RDONLY | O_CLOEXEC);
  int error_number;

  if (fd == -1)
    return g_variant_new_int32 (errno);
  sum = sum_up (fd);
  error_number = errno;
  close (fd);
  return sum != NULL ? g_variant_new_string (sum) : g_variant_new_int32 (error_number);
}

/* A worker's standard input is /dev/null, so the application reads its own, in a thread beside
 * them. Named twice it is read on from where the first time ended. */
static gpointer
read_standard_input (gpointer user_data)
{
  Checksums *self = user_data;

  for (int i = 0; i < self->n_files; i++)
    {
      File *file = &self->files[i];

      if (!g_str_equal (file->name, "-"))
        continue;
      file->sum = sum_up (STDIN_FILENO);
      file->error_number = file->sum == NULL ? errno : 0;
    }
  return NULL;
}

/* A name in a message of the GNU tools: unchanged, or quoted for a shell. */

typedef enum {
  QUOTE_NONE,
  QUOTE_DOUBLE,
  QUOTE_SINGLE
} Quoting;

/* The length in bytes of the character at @text, and whether it can be printed. */
static size_t
measure (const char *text,
         gboolean   *is_printable)
{
  mbstate_t state = { 0 };
  wchar_t character;
  size_t length = mbrtowc (&character, text, strlen (text), &state);
  gboolean is_valid = length != (size_t) -1 && length != (size_t) -2;

  *is_printable = is_valid && iswprint ((wint_t) character);
  return is_valid ? length : 1;
}

static Quoting
choose_quoting (const char *name)
{
  Quoting quoting = *name == '\0' ? QUOTE_SINGLE : QUOTE_NONE;
  gboolean fits_double = TRUE;
  gboolean is_printable;
  size_t length;

  for (const char *p = name; *p != '\0'; p += length)
    {
      gboolean is_first = p == name;
      gboolean is_alone = is_first && p[1] == '\0';

      length = measure (p, &is_printable);
      if (!is_printable || strchr ("!\"$&()*;<=>?[\\^`|", *p) != NULL)
        return QUOTE_SINGLE;
      if (*p == '\'')
        quoting = QUOTE_DOUBLE;
      else if (strchr ("#~", *p) != NULL && !is_first)
        fits_double = FALSE;
      else if (strchr ("{}", *p) != NULL && !is_alone)
        fits_double = FALSE;
      else if (strchr (" :#~{}", *p) != NULL && quoting == QUOTE_NONE)
        quoting = QUOTE_SINGLE;
    }
  return quoting == QUOTE_DOUBLE && !fits_double ? QUOTE_SINGLE : quoting;
}

static void
append_escaped (GString *quoted,
                char     byte)
{
  const char *place = strchr ("\aa\bb\ff\nn\rr\tt\vv", byte);

  if (place != NULL)
    g_string_append_printf (quoted, "\\%c", place[1]);
  else
    g_string_append_printf (quoted, "\\%03o", (guchar) byte);
}

static char *
quote_single (const char *name)
{
  GString *quoted = g_string_new ("'");
  gboolean is_escaping = FALSE;
  gboolean is_printable;
  size_t length;

  for (const char *p = name; *p != '\0'; p += length)
    {
      length = measure (p, &is_printable);
      if (*p == '\'')
        g_string_append (quoted, "'\\''");
      else if (is_printable)
        g_string_append_printf (quoted, "%s%.*s", is_escaping ? "''" : "", (int) length, p);
      else
        {
          g_string_append (quoted, is_escaping ? "" : "'$'");
          for (size_t i = 0; i < length; i++)
            append_escaped (quoted, p[i]);
        }
      is_escaping = !is_printable;
    }
  g_string_append_c (quoted, '\'');
  return g_string_free (quoted, FALSE);
}

static char *
quote (const char *name)
{
  switch (choose_quoting (name))
    {
    case QUOTE_NONE:
      return g_strdup (name);

    case QUOTE_DOUBLE:
      return g_strdup_printf ("\"%s\"", name);

    case QUOTE_SINGLE:
    default:
      return quote_single (name);
    }
}

static void
print_sum (const char *sum,
           const char *name)
{
  gboolean has_escapes = strpbrk (name, "\\\n\r") != NULL;

  printf ("%s%s  ", has_escapes ? "\\" : "", sum);
  for (const char *p = name; *p != '\0'; p++)
    switch (*p)
      {
      case '\\':
        fputs ("\\\\", stdout);
        break;

      case '\n':
        fputs ("\\n", stdout);
        break;

      case '\r':
        fputs ("\\r", stdout);
        break;

      default:
        putchar (*p);
      }
  putchar ('\n');
}

/* Prints what is there, in the order of the arguments, whichever came first. */
static void
print_done (Checksums *self)
{
  for (; self->n_printed < self->n_files && self->files[self->n_printed].is_done; self->n_printed++)
    {
      File *file = &self->files[self->n_printed];
      g_autofree char *name = quote (file->name);

      if (file->sum != NULL)
        print_sum (file->sum, file->name);
      else if (file->error_number != 0)
        error (0, file->error_number, "%s", name);
      if (file->sum == NULL)
        self->has_failed = TRUE;
    }
}

static void
result_cb (GmpWorkers *workers G_GNUC_UNUSED,
           int         id,
           GVariant   *value,
           Checksums  *self)
{
  File *file = &self->files[id];

  file->is_done = TRUE;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    file->sum = g_variant_dup_string (value, NULL);
  else
    file->error_number = g_variant_get_int32 (value);
  print_done (self);
}

/* Printed at once, not in the order of the files, because that may take long. */
static void
failed_cb (GmpWorkers   *workers G_GNUC_UNUSED,
           int           id,
           const GError *reason,
           Checksums    *self)
{
  g_autofree char *name = quote (self->files[id].name);

  /* Ctrl-C is one error, not one for each file. */
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  error (0, 0, "%s: %s", name, reason->message);
  self->files[id].is_done = TRUE;
  print_done (self);
}

static void
run (Checksums *self)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS,
                                                 "max-parallel", g_get_num_processors (),
                                                 "reuse", TRUE,
                                                 NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) failure = NULL;
  GThread *thread = NULL;
  int n_workers = 0;

  g_signal_connect (workers, "result", G_CALLBACK (result_cb), self);
  g_signal_connect (workers, "failed", G_CALLBACK (failed_cb), self);
  for (int i = 0; i < self->n_files; i++)
    if (!g_str_equal (self->files[i].name, "-"))
      {
        if (!gmp_workers_add (workers, i, read_file,
                              g_variant_new_bytestring (self->files[i].name), &failure))
          error (EXIT_FAILURE, 0, "%s", failure->message);
        n_workers++;
      }
  if (n_workers < self->n_files)
    thread = g_thread_new ("standard input", read_standard_input, self);
  if (n_workers > 0)
    results = gmp_workers_run (workers, NULL, 0, NULL, &failure);
  /* Not by way of main (): the thread may wait for input that never comes. */
  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error (EXIT_FAILURE, 0, "%s", failure->message);
  if (thread != NULL)
    g_thread_join (thread);
  for (int i = 0; i < self->n_files; i++)
    self->files[i].is_done = TRUE;
  print_done (self);
}

/* A stream that the caller has closed must not become one of the files that are opened here: it is
 * replaced by one that can neither be read nor written. */
static void
hold_standard_streams (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) == -1 &&
        open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
      exit (EXIT_FAILURE);
}

static void
parse_options (int    argc,
               char **argv)
{
  static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
  int option = getopt_long (argc, argv, "", options, NULL);

  if (option == 'h')
    {
      printf ("Usage: %s [FILE]...\n"
              "Prints SHA-256 sums, as sha256sum does. Without a FILE, or where it is -, standard "
              "input is read.\n", argv[0]);
      exit (EXIT_SUCCESS);
    }
  if (option != -1)
    {
      fprintf (stderr, "Try '%s --help' for more information.\n", argv[0]);
      exit (EXIT_FAILURE);
    }
}

static gboolean
close_output (void)
{
  gboolean was_bad = ferror (stdout) != 0;
  gboolean is_bad = fclose (stdout) != 0;

  if (was_bad || is_bad)
    error (0, is_bad ? errno : 0, "write error");
  return !was_bad && !is_bad;
}

int
main (int    argc,
      char **argv)
{
  static char *standard_input[] = { (char *) "-", NULL };
  Checksums self = { 0 };
  char **names;

  hold_standard_streams ();
  gmp_init (&argc, &argv);
  setlocale (LC_ALL, "");
  setvbuf (stdout, NULL, _IOLBF, 0);
  parse_options (argc, argv);

  names = optind < argc ? argv + optind : standard_input;
  self.n_files = (int) g_strv_length (names);
  self.files = g_new0 (File, self.n_files);
  for (int i = 0; i < self.n_files; i++)
    self.files[i].name = names[i];
  run (&self);
  for (int i = 0; i < self.n_files; i++)
    g_free (self.files[i].sum);
  g_free (self.files);
  return close_output () && !self.has_failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
