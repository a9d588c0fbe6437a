/* gmp-module.c: the ELF modules of this process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-module-private.h"

#include <elf.h>
#include <link.h>
#include <string.h>

typedef struct {
  gconstpointer address;  /* looked for, or NULL */
  const char   *build_id; /* looked for, or NULL */
  GmpModule    *found;
} Search;

static gboolean
segments_contain (const struct dl_phdr_info *info,
                  guintptr                   address,
                  guint32                    flags)
{
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
      guintptr start = info->dlpi_addr + segment->p_vaddr;

      if (segment->p_type == PT_LOAD && (segment->p_flags & flags) == flags &&
          address >= start && address - start < segment->p_memsz)
        return TRUE;
    }
  return FALSE;
}

static char *
build_id_in_notes (const char *notes,
                   gsize       size)
{
  while (size >= sizeof (ElfW(Nhdr)))
    {
      const ElfW(Nhdr) *note = (const ElfW(Nhdr) *) (gconstpointer) notes;
      gsize name_size = (note->n_namesz + 3) & ~(gsize) 3;
      gsize desc_size = (note->n_descsz + 3) & ~(gsize) 3;
      const char *name = notes + sizeof *note;
      const guint8 *desc = (const guint8 *) name + name_size;

      if (sizeof *note + name_size + desc_size > size)
        return NULL;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp (name, "GNU", 4) == 0)
        {
          GString *hex = g_string_new (NULL);

          for (gsize i = 0; i < note->n_descsz; i++)
            g_string_append_printf (hex, "%02x", desc[i]);
          return g_string_free (hex, FALSE);
        }
      notes += sizeof *note + name_size + desc_size;
      size -= sizeof *note + name_size + desc_size;
    }
  return NULL;
}

static char *
read_build_id (const struct dl_phdr_info *info)
{
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
      char *id;

      if (segment->p_type != PT_NOTE)
        continue;
      id = build_id_in_notes ((const char *) (info->dlpi_addr + segment->p_vaddr),
                              segment->p_memsz);
      if (id != NULL)
        return id;
    }
  return NULL;
}

static int
search_cb (struct dl_phdr_info *info,
           size_t               size G_GNUC_UNUSED,
           gpointer             data)
{
  Search *search = data;
  g_autofree char *build_id = NULL;

  if (search->address != NULL && !segments_contain (info, (guintptr) search->address, 0))
    return 0;
  build_id = read_build_id (info);
  if (search->build_id != NULL && g_strcmp0 (search->build_id, build_id) != 0)
    return 0;

  search->found = g_new0 (GmpModule, 1);
  search->found->base = info->dlpi_addr;
  search->found->build_id = g_steal_pointer (&build_id);
  /* The loader uses an empty name for the program itself. */
  if (info->dlpi_name[0] == '\0')
    search->found->path = g_file_read_link ("/proc/self/exe", NULL);
  else
    search->found->path = g_canonicalize_filename (info->dlpi_name, NULL);
  return 1;
}

/* The module that contains @address; %NULL for memory outside of all modules, such as a closure
 * that a language binding created at run time. */
GmpModule *
gmp_module_find_address (gconstpointer address)
{
  Search search = { .address = address };

  dl_iterate_phdr (search_cb, &search);
  return search.found;
}

GmpModule *
gmp_module_find_build_id (const char *build_id)
{
  Search search = { .build_id = build_id };

  dl_iterate_phdr (search_cb, &search);
  return search.found;
}

static int
is_code_cb (struct dl_phdr_info *info,
            size_t               size G_GNUC_UNUSED,
            gpointer             data)
{
  return segments_contain (info, (guintptr) data, PF_X) ? 1 : 0;
}

/* TRUE if @address is executable code of a loaded module. */
gboolean
gmp_module_is_code (gconstpointer address)
{
  return dl_iterate_phdr (is_code_cb, (gpointer) address) == 1;
}

void
gmp_module_free (GmpModule *self)
{
  g_free (self->path);
  g_free (self->build_id);
  g_free (self);
}

static int
count_unloads_cb (struct dl_phdr_info *info,
                  gsize                size G_GNUC_UNUSED,
                  gpointer             count)
{
  *(guint64 *) count = info->dlpi_subs;
  return 1;
}

/* The number of unloaded modules. While it does not change, the code at an address does not change
 * either. */
guint64
gmp_module_count_unloads (void)
{
  guint64 count = 0;

  dl_iterate_phdr (count_unloads_cb, &count);
  return count;
}
