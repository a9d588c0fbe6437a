/* gmp-remote-text.c: the text that an environment and its game send each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-text-private.h"

#include "base/gmp-error.h"

#include <math.h>
#include <string.h>

/* Of UnityRemote. A command is `name;count;argument;...`, with a semicolon after each argument and
 * no way to escape one. A state is
 *
 *   count (4)   { name length (4)   name   type (1)   value length (8)   value } ...
 *
 * in UTF-8, where the numbers in brackets are widths of decimal numbers, padded with blanks, and
 * lengths are counted in bytes. */

/* The most that the game reads. */
#define COMMAND_SIZE 8192

#define COUNT_WIDTH 4
#define NAME_WIDTH 4
#define TYPE_WIDTH 1
#define VALUE_WIDTH 8

typedef enum {
  FIELD_FLOAT,
  FIELD_INT,
  FIELD_BOOL,
  FIELD_STRING,
  FIELD_BYTES,
  FIELD_FLOATS,
  N_FIELD_TYPES
} FieldType;

/* The shortest text that reads back as the same number. C# uses these names for the special
 * values. */
static void
append_double (GString *text,
               double   number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (number))
    {
      g_string_append (text, isnan (number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
      return;
    }
  for (int precision = 15; precision <= 17; precision++)
    {
      g_autofree char *format = g_strdup_printf ("%%.%dg", precision);

      g_ascii_formatd (digits, sizeof digits, format, number);
      if (g_ascii_strtod (digits, NULL) == number)
        break;
    }
  g_string_append (text, digits);
}

static gboolean
append_number (GString  *text,
               GVariant *value)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      g_string_append_printf (text, "%u", g_variant_get_byte (value));
      return TRUE;

    case G_VARIANT_CLASS_INT16:
      g_string_append_printf (text, "%d", g_variant_get_int16 (value));
      return TRUE;

    case G_VARIANT_CLASS_UINT16:
      g_string_append_printf (text, "%u", g_variant_get_uint16 (value));
      return TRUE;

    case G_VARIANT_CLASS_INT32:
      g_string_append_printf (text, "%d", g_variant_get_int32 (value));
      return TRUE;

    case G_VARIANT_CLASS_UINT32:
      g_string_append_printf (text, "%u", g_variant_get_uint32 (value));
      return TRUE;

    case G_VARIANT_CLASS_INT64:
      g_string_append_printf (text, "%" G_GINT64_FORMAT, g_variant_get_int64 (value));
      return TRUE;

    case G_VARIANT_CLASS_UINT64:
      g_string_append_printf (text, "%" G_GUINT64_FORMAT, g_variant_get_uint64 (value));
      return TRUE;

    case G_VARIANT_CLASS_DOUBLE:
      append_double (text, g_variant_get_double (value));
      return TRUE;

    default:
      return FALSE;
    }
}

/* Unwraps nested variants. */
static GVariant *
unwrap (GVariant *value)
{
  GVariant *inner = g_variant_ref (value);

  while (g_variant_is_of_type (inner, G_VARIANT_TYPE_VARIANT))
    {
      GVariant *child = g_variant_get_variant (inner);

      g_variant_unref (inner);
      inner = child;
    }
  return inner;
}

static gboolean
append_numbers (GString  *text,
                GVariant *array)
{
  gsize n = g_variant_n_children (array);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (array, i);
      g_autoptr (GVariant) number = unwrap (child);

      if (i > 0)
        g_string_append_c (text, ' ');
      if (!append_number (text, number))
        return FALSE;
    }
  return TRUE;
}

/* The text of an argument: numbers, text, and arrays of numbers. */
char *
gmp_remote_text_format_value (GVariant *value,
                              GError  **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) inner = unwrap (value);
  gboolean is_known;

  if (g_variant_is_of_type (inner, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (inner) ? "True" : "False");
  if (g_variant_is_of_type (inner, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (inner, NULL);

  is_known = g_variant_is_of_type (inner, G_VARIANT_TYPE_ARRAY) ? append_numbers (text, inner)
                                                                : append_number (text, inner);
  if (!is_known)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A value of type '%s' cannot be sent to a game: send a boolean, a number, "
                   "a string, or an array of numbers", g_variant_get_type_string (inner));
      return NULL;
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
check_no_semicolon (const char *what,
                    const char *text,
                    GError    **error)
{
  if (strchr (text, ';') == NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
               "%s contains a semicolon, which ends a command for the game: '%.100s'", what, text);
  return FALSE;
}

GString *
gmp_remote_text_format_command (const char         *name,
                                const char * const *args,
                                GError            **error)
{
  g_autoptr (GString) command = NULL;
  guint n_args = args != NULL ? g_strv_length ((char **) args) : 0;

  if (*name == '\0')
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A command without a name "
                   "cannot be sent: the name is what the game does");
      return NULL;
    }
  if (!check_no_semicolon ("The name of a command", name, error))
    return NULL;
  command = g_string_new (NULL);
  g_string_append_printf (command, "%s;%u;", name, n_args);
  for (guint i = 0; i < n_args; i++)
    {
      if (!check_no_semicolon ("An argument of a command", args[i], error))
        return NULL;
      g_string_append_printf (command, "%s;", args[i]);
    }
  if (command->len > COMMAND_SIZE)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "The command '%.100s' has %" G_GSIZE_FORMAT " bytes: a game reads %d at most",
                   name, command->len, COMMAND_SIZE);
      return NULL;
    }
  return g_steal_pointer (&command);
}

/* The unread rest of a state. */
typedef struct
{
  const char *data;
  gsize size;
  guint field;  /* which it is, from 1 on; 0 for the count */
} Rest;

static gboolean
refuse (const Rest *rest,
        const char *what,
        GError    **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "field %u has %s", rest->field, what);
  return FALSE;
}

/* The next bytes as a new string, without blanks around it. */
static char *
take_text (Rest    *rest,
           gsize    size,
           GError **error)
{
  char *text;

  if (size > rest->size)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "it is cut off in field %u, where %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                   " bytes are there", rest->field, rest->size, size);
      return NULL;
    }
  if (!g_utf8_validate_len (rest->data, size, NULL))
    {
      refuse (rest, "text that is not UTF-8", error);
      return NULL;
    }
  text = g_strndup (rest->data, size);
  rest->data += size;
  rest->size -= size;
  return g_strstrip (text);
}

static gboolean
take_length (Rest    *rest,
             gsize    width,
             guint64 *length,
             GError **error)
{
  g_autofree char *text = take_text (rest, width, error);

  if (text == NULL)
    return FALSE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, length, NULL))
    return refuse (rest, "no number where a length belongs", error);
  return TRUE;
}

/* Games that run in another locale write a comma. */
static gboolean
parse_double (char   *text,
              double *number)
{
  char *end;

  g_strdelimit (text, ",", '.');
  *number = g_ascii_strtod (text, &end);
  return end != text && *end == '\0' && strpbrk (text, "xX") == NULL;
}

static GVariant *
parse_doubles (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; words[i] != NULL; i++)
    {
      double number;

      if (*words[i] == '\0')
        continue;
      if (!parse_double (words[i], &number))
        return NULL;
      g_array_append_val (numbers, number);
    }
  return g_variant_new_fixed_array (G_VARIANT_TYPE_DOUBLE, numbers->data, numbers->len,
                                    sizeof (double));
}

static GVariant *
parse_bytes (const char *text)
{
  gsize size = strlen (text);
  gsize n_plain = strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  gsize n_padding = strspn (text + n_plain, "=");
  guchar *bytes;

  if (size % 4 != 0 || n_padding > 2 || n_plain + n_padding != size)
    return NULL;
  bytes = g_base64_decode (text, &size);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

/* NULL for text that is not of the type. */
static GVariant *
parse_value (FieldType type,
             char     *text)
{
  gint64 integer;
  double number;

  switch (type)
    {
    case FIELD_FLOAT:
      return parse_double (text, &number) ? g_variant_new_double (number) : NULL;

    case FIELD_INT:
    case FIELD_BOOL:
      if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &integer, NULL))
        return NULL;
      return type == FIELD_INT ? g_variant_new_int64 (integer)
                               : g_variant_new_boolean (integer == 1);

    case FIELD_STRING:
      return g_variant_new_string (text);

    case FIELD_BYTES:
      return parse_bytes (text);

    case FIELD_FLOATS:
      return parse_doubles (text);

    case N_FIELD_TYPES:
    default:
      g_assert_not_reached ();
    }
}

static gboolean
take_field (Rest            *rest,
            GVariantBuilder *state,
            GError         **error)
{
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  GVariant *value;
  guint64 length;
  guint64 type;

  if (!take_length (rest, NAME_WIDTH, &length, error) ||
      (name = take_text (rest, length, error)) == NULL ||
      !take_length (rest, TYPE_WIDTH, &type, error) ||
      !take_length (rest, VALUE_WIDTH, &length, error) ||
      (text = take_text (rest, length, error)) == NULL)
    return FALSE;
  /* A newer game may send more types; the original leaves such fields out, too. */
  if (type >= N_FIELD_TYPES)
    return TRUE;
  value = parse_value (type, text);
  if (value == NULL)
    return refuse (rest, "a value that is not of its type", error);
  g_variant_builder_add (state, "{sv}", name, value);
  return TRUE;
}

/* The datagram as `a{sv}`, floating: `d`, `x`, `b`, `s`, `ay` and `ad`. */
GVariant *
gmp_remote_text_parse_state (const char *data,
                             gsize       size,
                             GError    **error)
{
  g_auto (GVariantBuilder) state = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  Rest rest = { data, size, 0 };
  guint64 n_fields;

  if (!take_length (&rest, COUNT_WIDTH, &n_fields, error))
    return NULL;
  for (rest.field = 1; rest.field <= n_fields; rest.field++)
    {
      if (!take_field (&rest, &state, error))
        return NULL;
    }
  if (rest.size > 0)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "%" G_GSIZE_FORMAT " bytes follow its last field", rest.size);
      return NULL;
    }
  return g_variant_builder_end (&state);
}
