/* packed.c: fuzz target: what Python reads of a peer's packed arrays and containers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "packed-private.h"

#include "fuzz.h"

PyMODINIT_FUNC PyInit__gmproc (void);

const char *__asan_default_options (void);

/* CPython and numpy keep memory until the process ends. */
const char *
__asan_default_options (void)
{
  return "detect_leaks=0";
}

/* The input: a byte, the number of buffers; a short for each, its size; their bytes; and the
 * text of items. The number at the beginning of a value is always right, because otherwise it
 * would be another kind of value. */
#define N_BUFFERS_MAX 4

/* The interpreter, with the module of this program and the package, whose Python code evaluates
 * the texts of dtypes. */
static void
start_python (void)
{
  PyConfig config;

  if (Py_IsInitialized ())
    return;
  g_assert_cmpint (PyImport_AppendInittab ("_gmproc", PyInit__gmproc), ==, 0);
  PyConfig_InitPythonConfig (&config);
  config.install_signal_handlers = 0;
  config.write_bytecode = 0;
  /* Python looks for its packages relative to this path, not to the first python3 on PATH. */
  PyConfig_SetBytesString (&config, &config.program_name, PYTHON);
  g_assert_false (PyStatus_Exception (Py_InitializeFromConfig (&config)));
  PyConfig_Clear (&config);
  if (PyRun_SimpleString ("import sys; sys.path.insert (0, '" PACKAGES "'); import _gmproc; "
                          "_gmproc.__file__ = sys.executable; import numpy, gmproc") != 0)
    g_error ("%s needs numpy and gmproc", PYTHON);
}

static GVariant *
take_buffers (FuzzInput *input)
{
  GVariantBuilder builder;
  guint n = fuzz_take_byte (input) % (N_BUFFERS_MAX + 1);

  if (n == 0)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < n; i++)
    {
      guint8 bytes[256] = { 0, };
      gsize size = fuzz_take_short (input) % sizeof bytes;

      fuzz_take (input, bytes, size);
      g_variant_builder_add (&builder, "@ay", g_variant_new_bytestring (""));
      g_variant_builder_add_value (&builder, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                                        size, 1));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
make_value (FuzzInput *input)
{
  GVariant *buffers = take_buffers (input);
  guint64 magic = MAGIC;
  GVariant *text = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, input->data, input->size, 1);
  GVariant *value = buffers == NULL ? g_variant_new ("(t@ay)", magic, text)
                                    : g_variant_new ("(t@ay@aay)", magic, text, buffers);

  return g_variant_ref_sink (value);
}

/* Any received value can be printed, and sent on as the same value. */
static void
use (PyObject *value)
{
  PyObject *text = PyObject_Repr (value);
  GVariant *sent = native_pack (value);
  PyObject *again = NULL;

  if (text == NULL)
    PyErr_Clear ();
  if (sent != NULL)
    {
      g_variant_ref_sink (sent);
      g_assert_true (native_is_packed (sent));
      again = native_unpack (sent);
      g_assert_nonnull (again);
      g_variant_unref (sent);
    }
  g_assert_false (PyErr_Occurred ());
  Py_XDECREF (again);
  Py_XDECREF (text);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GVariant) packed = make_value (&input);
  PyObject *value;

  start_python ();
  g_assert_true (native_is_packed (packed));
  value = native_unpack (packed);
  if (value != NULL)
    use (value);
  else if (!PyErr_ExceptionMatches (native_helpers.bad_payload) &&
           !PyErr_ExceptionMatches (PyExc_MemoryError))
    {
      PyErr_Print ();
      g_error ("Bytes that are no value should raise BadPayload");
    }
  PyErr_Clear ();
  Py_XDECREF (value);
  return 0;
}
