/* gmp-normal-form.c: checks that bytes are a GVariant in normal form
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-normal-form-private.h"

#include <string.h>

/* g_variant_is_normal_form() gives the same answer, but visits each number of an array (13 ns a
 * byte in GLib 2.74), and a value that has not been checked is worse: GLib then checks the order of
 * children again and again, so that reading all of them takes quadratic time. This check skips
 * numbers, which are valid with any bytes, and takes linear time for the rest. Bytes that pass may
 * be given to g_variant_new_from_bytes() as trusted, provided that no other process can change what
 * was read here; @look is called to ensure that. Nothing outside the bytes is read even if another
 * process changes them meanwhile: each offset is read once and then compared.
 *
 * The format: https://docs.gtk.org/glib/gvariant-specification-1.0.html */

/* The nesting depth that GLib accepts. */
#define DEPTH_MAX 128

/* Types up to this number of characters need no allocation. */
#define FEW 16

static const char not_normal[] = "its bytes are not a value of this type in normal form";
static const char too_deep[] = "it is nested too deeply: at most 127 levels, of which an array of "
                               "variants (av) is two and a dictionary (a{sv}) three, so send what "
                               "it holds in a flat array, with references by number";
static const char has_handle[] = "a handle (h) means nothing in another process";
static const char long_type[] = "a variant in it has a type of more than 16384 characters, so send "
                                "an array of variants (av) in place of a long tuple";

/* The description of a type. The types of its parts follow in memory, each with its own parts. */
typedef struct {
  char kind;         /* the first character of the type */
  guint8 alignment;  /* of its values, less 1 */
  guint8 depth;      /* nesting depth, this type included */
  gboolean is_plain; /* any bytes of its size are valid: numbers without a gap */
  guint n_types;     /* this type and all its parts */
  gsize size;        /* of each of its values; 0: sizes differ */
} Type;

typedef struct {
  GmpNormalFormLook look; /* (nullable) */
  const char *fault;
} Check;

static gboolean check_value   (Check        *self,
                               const Type   *type,
                               const guint8 *data,
                               gsize         size,
                               guint         depth);
static gboolean check_as_type (Check        *self,
                               const char   *text,
                               gsize         length,
                               const guint8 *data,
                               gsize         size,
                               guint         depth);

static gboolean
fail (Check      *self,
      const char *fault)
{
  self->fault = fault;
  return FALSE;
}

static void
look_at (Check        *self,
         const guint8 *data,
         gsize         size)
{
  if (self->look != NULL && size > 0)
    self->look (data, size);
}

static gsize
align (gsize offset,
       guint alignment)
{
  return (offset + alignment) & ~(gsize) alignment;
}

/* Types */

/* Returns the size of a basic type's values, or -1 for other characters. */
static int
basic_size (char kind)
{
  switch (kind)
    {
    case 'b':
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'i':
    case 'u':
    case 'h':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    case 's':
    case 'o':
    case 'g':
      return 0;
    default:
      return -1;
    }
}

static const char *read_type (Check      *self,
                              const char *text,
                              const char *end,
                              guint       depth,
                              Type       *type);

/* A tuple or dictionary entry. */
static const char *
read_members (Check      *self,
              const char *text,
              const char *end,
              guint       depth,
              Type       *type)
{
  gboolean is_entry = text[0] == '{';
  gboolean is_fixed = TRUE;
  gsize offset = 0;
  gsize gaps = 0;
  guint n = 0;

  type->is_plain = TRUE;
  for (text++; text < end && *text != ')' && *text != '}'; n++)
    {
      Type *member = type + type->n_types;
      gsize start;

      if (is_entry && (n == 2 || (n == 0 && basic_size (*text) == -1)))
        return NULL;
      text = read_type (self, text, end, depth + 1, member);
      if (text == NULL)
        return NULL;
      type->n_types += member->n_types;
      type->alignment = MAX (type->alignment, member->alignment);
      type->depth = MAX (type->depth, (guint8) (member->depth + 1));
      type->is_plain &= member->is_plain;
      is_fixed &= member->size > 0;
      start = align (offset, member->alignment);
      gaps += start - offset;
      offset = start + member->size;
    }
  if (text == end || *text != (is_entry ? '}' : ')') || (is_entry && n != 2))
    return NULL;
  if (is_fixed)
    type->size = n > 0 ? align (offset, type->alignment) : 1;
  type->is_plain &= n > 0 && gaps == 0 && type->size == offset;
  return text + 1;
}

/* Reads the type that begins at @text, creating at most one type for each character. Returns the
 * text behind it, or %NULL if there is no type that a value can have; if it is nested too deeply,
 * that is the fault. */
static const char *
read_type (Check      *self,
           const char *text,
           const char *end,
           guint       depth,
           Type       *type)
{
  int size;

  if (depth > DEPTH_MAX)
    self->fault = too_deep;
  if (text == end || depth > DEPTH_MAX)
    return NULL;
  size = basic_size (*text);
  *type = (Type) { .kind = *text, .n_types = 1, .depth = 1 };
  if (size >= 0)
    {
      type->size = (gsize) size;
      type->alignment = size > 0 ? (guint8) (size - 1) : 0;
      type->is_plain = size > 0 && *text != 'b';
      return text + 1;
    }
  switch (*text)
    {
    case 'v':
      type->alignment = 7;
      return text + 1;

    case 'a':
    case 'm':
      text = read_type (self, text + 1, end, depth + 1, type + 1);
      if (text == NULL)
        return NULL;
      type->n_types += type[1].n_types;
      type->alignment = type[1].alignment;
      type->depth += type[1].depth;
      return text;

    case '(':
    case '{':
      return read_members (self, text, end, depth, type);

    default:
      return NULL;
    }
}

/* Values */

static guint
offset_width (gsize size)
{
  if (size > G_MAXUINT32)
    return 8;
  if (size > G_MAXUINT16)
    return 4;
  if (size > G_MAXUINT8)
    return 2;
  return size > 0 ? 1 : 0;
}

/* The size of a container with this number of offsets behind its body. */
static gsize
whole_size (gsize body,
            gsize n_offsets)
{
  if (body + n_offsets <= G_MAXUINT8)
    return body + n_offsets;
  if (body + 2 * n_offsets <= G_MAXUINT16)
    return body + 2 * n_offsets;
  if (body + 4 * n_offsets <= G_MAXUINT32)
    return body + 4 * n_offsets;
  return body + 8 * n_offsets;
}

static gsize
read_offset (const guint8 *place,
             guint         width)
{
  guint64 offset = 0;

  switch (width)
    {
    case 0:
      return 0;
    case 1:
      return *place;
    case 2:
      return place[0] | (gsize) place[1] << 8;
    default:
      memcpy (&offset, place, width);
      offset = GUINT64_FROM_LE (offset);
      return offset <= G_MAXSIZE ? (gsize) offset : G_MAXSIZE;
    }
}

static gboolean
check_zeros (Check        *self,
             const guint8 *data,
             gsize         size)
{
  look_at (self, data, size);
  for (gsize i = 0; i < size; i++)
    if (data[i] != 0)
      return fail (self, not_normal);
  return TRUE;
}

static gboolean
check_booleans (Check        *self,
                const guint8 *data,
                gsize         size)
{
  guint8 all = 0;

  look_at (self, data, size);
  for (gsize i = 0; i < size; i++)
    all |= data[i];
  return all <= 1 || fail (self, not_normal);
}

/* A lower bound of the number of leading bytes that are ASCII and not zero. It checks eight at a
 * time; GLib before 2.82 checks each. */
static gsize
count_ascii (const guint8 *data,
             gsize         size)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64 eight;
  gsize i;

  for (i = 0; size - i >= sizeof eight; i += sizeof eight)
    {
      memcpy (&eight, data + i, sizeof eight);
      /* The highest bit of a byte is set in it, or in the difference where the byte is zero. */
      if (((eight | (eight - ones)) & (ones << 7)) != 0)
        break;
    }
  return i;
}

/* Text ends at its first zero, which must be the last byte. */
static gboolean
is_text (const guint8 *data,
         gsize         size)
{
  gsize n_ascii = count_ascii (data, size);
  const char *last = (const char *) data + size - 1;
  const char *end;

  if (size == 0 || *last != '\0')
    return FALSE;
  g_utf8_validate_len ((const char *) data + n_ascii, size - n_ascii, &end);
  return end == last;
}

static gboolean
check_string (Check        *self,
              char          kind,
              const guint8 *data,
              gsize         size)
{
  g_autofree char *text = NULL;

  look_at (self, data, size);
  if (!is_text (data, size))
    return fail (self, not_normal);
  if (kind == 's')
    return TRUE;
  text = g_strndup ((const char *) data, size);
  if (kind == 'o' ? g_variant_is_object_path (text) : g_variant_is_signature (text))
    return TRUE;
  return fail (self, not_normal);
}

static gboolean
check_maybe (Check        *self,
             const Type   *type,
             const guint8 *data,
             gsize         size,
             guint         depth)
{
  const Type *element = type + 1;

  if (size == 0)
    return TRUE;
  if (element->size > 0)
    return check_value (self, element, data, size, depth + 1);
  /* A zero distinguishes an empty value from no value. */
  return check_zeros (self, data + size - 1, 1) &&
         check_value (self, element, data, size - 1, depth + 1);
}

static gboolean
check_fixed_array (Check        *self,
                   const Type   *element,
                   const guint8 *data,
                   gsize         size,
                   guint         depth)
{
  if (size % element->size != 0)
    return fail (self, not_normal);
  if (element->is_plain)
    return TRUE;
  if (element->kind == 'b')
    return check_booleans (self, data, size);
  for (gsize start = 0; start < size; start += element->size)
    if (!check_value (self, element, data + start, element->size, depth + 1))
      return FALSE;
  return TRUE;
}

static gboolean
check_array (Check        *self,
             const Type   *type,
             const guint8 *data,
             gsize         size,
             guint         depth)
{
  const Type *element = type + 1;
  guint width = offset_width (size);
  gsize body, n, start = 0;

  if (element->size > 0)
    return check_fixed_array (self, element, data, size, depth);
  if (size == 0)
    return TRUE;
  look_at (self, data + size - width, width);
  body = read_offset (data + size - width, width);
  if (body >= size || (size - body) % width != 0)
    return fail (self, not_normal);
  n = (size - body) / width;
  if (whole_size (body, n) != size)
    return fail (self, not_normal);
  look_at (self, data + body, size - body);
  for (gsize i = 0; i < n; i++)
    {
      gsize end = read_offset (data + body + i * width, width);
      gsize first = align (start, element->alignment);

      if (end > body || first > end)
        return fail (self, not_normal);
      if ((first > start && !check_zeros (self, data + start, first - start)) ||
          !check_value (self, element, data + first, end - first, depth + 1))
        return FALSE;
      start = end;
    }
  return start == body || fail (self, not_normal);
}

/* Tuples and dictionary entries. Their offsets lie behind the members, the last one first. */
static gboolean
check_members (Check        *self,
               const Type   *type,
               const guint8 *data,
               gsize         size,
               guint         depth)
{
  const Type *past = type + type->n_types;
  guint width = offset_width (size);
  gsize start = 0;
  gsize tail = size;

  for (const Type *member = type + 1; member < past; member += member->n_types)
    {
      gsize first = align (start, member->alignment);
      gsize end = tail;

      if (first > tail || !check_zeros (self, data + start, first - start))
        return fail (self, not_normal);
      if (member->size > 0)
        {
          end = first + member->size;
        }
      else if (member + member->n_types < past)
        {
          if (tail - first < width)
            return fail (self, not_normal);
          tail -= width;
          look_at (self, data + tail, width);
          end = read_offset (data + tail, width);
        }
      if (end < first || end > tail)
        return fail (self, not_normal);
      if (!check_value (self, member, data + first, end - first, depth + 1))
        return FALSE;
      start = end;
    }
  /* A member with its own size may end with a gap. */
  if (type->size > 0)
    return check_zeros (self, data + start, size - start);
  if (start != tail || (size > 0 && whole_size (start, (size - tail) / width) != size))
    return fail (self, not_normal);
  return TRUE;
}

/* A variant ends with a zero and the type of what is in it. */
static gboolean
check_variant (Check        *self,
               const guint8 *data,
               gsize         size,
               guint         depth)
{
  char few[FEW];
  g_autofree char *many = NULL;
  char *text = few;
  gsize length;

  for (length = 0; length < size; length++)
    {
      const guint8 *place = data + size - 1 - length;

      look_at (self, place, 1);
      if (*place == 0)
        break;
      if (length == GMP_NORMAL_FORM_TYPE_MAX)
        return fail (self, long_type);
    }
  if (length == size)
    return fail (self, not_normal);
  if (length > FEW)
    text = many = g_malloc (length);
  memcpy (text, data + size - length, length);
  return check_as_type (self, text, length, data, size - length - 1, depth + 1);
}

static gboolean
check_value (Check        *self,
             const Type   *type,
             const guint8 *data,
             gsize         size,
             guint         depth)
{
  if (type->size > 0 && size != type->size)
    return fail (self, not_normal);
  if (type->is_plain)
    return TRUE;
  switch (type->kind)
    {
    case 'b':
      return check_booleans (self, data, size);
    case 'v':
      return check_variant (self, data, size, depth);
    case 'm':
      return check_maybe (self, type, data, size, depth);
    case 'a':
      return check_array (self, type, data, size, depth);
    case '(':
    case '{':
      return check_members (self, type, data, size, depth);
    default:
      return check_string (self, type->kind, data, size);
    }
}

static gboolean
check_as_type (Check        *self,
               const char   *text,
               gsize         length,
               const guint8 *data,
               gsize         size,
               guint         depth)
{
  Type few[FEW];
  g_autofree Type *many = NULL;
  Type *type = few;

  if (memchr (text, 'h', length) != NULL)
    return fail (self, has_handle);
  if (length > FEW)
    type = many = g_new (Type, length);
  if (read_type (self, text, text + length, 0, type) != text + length)
    return fail (self, self->fault != NULL ? self->fault : not_normal);
  if (depth + type->depth > DEPTH_MAX)
    return fail (self, too_deep);
  return check_value (self, type, data, size, depth);
}

/* The problem of @size bytes at @data as a value of @type, in words that continue "It cannot be
 * sent: "; %NULL if they are a value in normal form and without handles. @look (nullable) is called
 * before bytes are read. Numbers, and arrays of them, are not read. */
const char *
gmp_normal_form_find_fault (const char        *type,
                            gconstpointer      data,
                            gsize              size,
                            GmpNormalFormLook  look)
{
  Check check = { look, NULL };

  check_as_type (&check, type, strlen (type), data != NULL ? data : "", size, 0);
  return check.fault;
}
