/* gmp-results.c: the result or error of each worker of a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "report/gmp-results-private.h"

#include "base/gmp-error.h"

/* The number of ids that an error names besides the first. */
#define MAX_NAMED 10

typedef struct {
  char *id;
  gboolean has_value;
  GVariant *value;     /* (nullable) */
  GmpFailure *failure; /* (nullable) */
} Entry;

struct _GmpResults
{
  GPtrArray *entries; /* of Entry, in the order of the run's ids */
  GPtrArray *failed;  /* of Entry, in order of failure */
  GHashTable *by_id;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->id);
  g_clear_pointer (&entry->value, g_variant_unref);
  g_clear_object (&entry->failure);
  g_free (entry);
}

GmpResults *
gmp_results_new (void)
{
  GmpResults *self = g_new0 (GmpResults, 1);

  self->entries = g_ptr_array_new_with_free_func (entry_free);
  self->failed = g_ptr_array_new ();
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
gmp_results_free (GmpResults *self)
{
  g_hash_table_unref (self->by_id);
  g_ptr_array_unref (self->failed);
  g_ptr_array_unref (self->entries);
  g_free (self);
}

/* Before a run: forgets the last one. */
void
gmp_results_clear (GmpResults *self)
{
  g_hash_table_remove_all (self->by_id);
  g_ptr_array_set_size (self->failed, 0);
  g_ptr_array_set_size (self->entries, 0);
}

/* Adds @id to the run. %FALSE if it is there already. */
gboolean
gmp_results_expect (GmpResults *self,
                    const char *id)
{
  Entry *entry;

  if (g_hash_table_contains (self->by_id, id))
    return FALSE;
  entry = g_new0 (Entry, 1);
  entry->id = g_strdup (id);
  g_ptr_array_add (self->entries, entry);
  g_hash_table_insert (self->by_id, entry->id, entry);
  return TRUE;
}

/* @id runs once more, and its last outcome is dropped. %FALSE if it has none yet. */
gboolean
gmp_results_reopen (GmpResults *self,
                    const char *id)
{
  Entry *entry = g_hash_table_lookup (self->by_id, id);

  if (entry == NULL || (!entry->has_value && entry->failure == NULL))
    return FALSE;
  entry->has_value = FALSE;
  g_clear_pointer (&entry->value, g_variant_unref);
  g_clear_object (&entry->failure);
  g_ptr_array_remove (self->failed, entry);
  return TRUE;
}

void
gmp_results_succeeded (GmpResults *self,
                       const char *id,
                       GVariant   *value)
{
  Entry *entry = g_hash_table_lookup (self->by_id, id);

  entry->has_value = TRUE;
  g_clear_pointer (&entry->value, g_variant_unref);
  entry->value = value != NULL ? g_variant_ref (value) : NULL;
}

/* Of the worker that @failure names. */
void
gmp_results_failed (GmpResults *self,
                    GmpFailure *failure)
{
  Entry *entry = g_hash_table_lookup (self->by_id, gmp_failure_get_id (failure));

  g_assert (entry->failure == NULL);
  /* It may have succeeded before its restart. */
  entry->has_value = FALSE;
  g_clear_pointer (&entry->value, g_variant_unref);
  entry->failure = g_object_ref (failure);
  g_ptr_array_add (self->failed, entry);
}

/* The last outcome of @id is a value. */
gboolean
gmp_results_has_value (GmpResults *self,
                       const char *id)
{
  Entry *entry = g_hash_table_lookup (self->by_id, id);

  return entry->has_value;
}

/* (nullable): also for an id that failed, or was not there. */
GVariant *
gmp_results_get_value (GmpResults *self,
                       const char *id)
{
  Entry *entry = g_hash_table_lookup (self->by_id, id);

  return entry != NULL ? entry->value : NULL;
}

/* %NULL for an id that succeeded or did not take part. */
const GError *
gmp_results_get_error (GmpResults *self,
                       const char *id)
{
  Entry *entry = g_hash_table_lookup (self->by_id, id);

  return entry != NULL && entry->failure != NULL ? gmp_failure_get_error (entry->failure) : NULL;
}

/* TRUE if a worker has failed with @code. */
gboolean
gmp_results_has_error (GmpResults *self,
                       GmpError    code)
{
  for (guint i = 0; i < self->failed->len; i++)
    if (g_error_matches (gmp_failure_get_error (((Entry *) self->failed->pdata[i])->failure),
                         GMP_ERROR, (int) code))
      return TRUE;
  return FALSE;
}

/* In the order that they came in. Each failure lives as long as the next run does not begin; a copy
 * may outlive that. */
GPtrArray *
gmp_results_copy_failures (GmpResults *self)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->failed->len; i++)
    g_ptr_array_add (copy, g_object_ref (((Entry *) self->failed->pdata[i])->failure));
  return copy;
}

/* A run that lacks a result must not look like a success, whatever the cause. */
static GError *
find_missing (GmpResults *self)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = self->entries->pdata[i];

      if (!entry->has_value && entry->failure == NULL)
        return g_error_new (GMP_ERROR, GMP_ERROR_FAILED,
                            "Worker '%s' has neither returned nor failed", entry->id);
    }
  return NULL;
}

/* One error for all that failed: the first, with the ids of some others; %NULL when all have
 * returned. A run that was cancelled has failed for that. */
GError *
gmp_results_to_error (GmpResults   *self,
                      GCancellable *cancellable)
{
  g_autoptr (GString) others = g_string_new (NULL);
  Entry *first;
  GError *error;
  guint n_others = 0;

  if (g_cancellable_is_cancelled (cancellable))
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "The run was cancelled");
  if (self->failed->len == 0)
    return find_missing (self);
  first = self->failed->pdata[0];
  error = g_error_copy (gmp_failure_get_error (first->failure));
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = self->entries->pdata[i];

      if (entry->failure == NULL || entry == first)
        continue;
      n_others++;
      if (n_others <= MAX_NAMED)
        g_string_append_printf (others, "%s'%s'", n_others > 1 ? ", " : "", entry->id);
    }
  if (n_others > 0)
    {
      g_autofree char *message = error->message;

      error->message = g_strdup_printf ("%s\n%u more failed: %s%s", message, n_others, others->str,
                                        n_others > MAX_NAMED ? " and so on" : "");
    }
  return error;
}

/* Returns a floating reference, of type v. */
static GVariant *
box (GVariant *value)
{
  if (value == NULL)
    value = g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL);
  return g_variant_new_variant (value);
}

/* Calls @func with the id and the value, boxed and floating, of each worker that succeeded. */
void
gmp_results_foreach (GmpResults     *self,
                     GmpResultsFunc  func,
                     gpointer        user_data)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = self->entries->pdata[i];

      if (entry->has_value)
        func (entry->id, box (entry->value), user_data);
    }
}
