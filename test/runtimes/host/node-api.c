#include "node-api.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct napi_value__ {
  napi_valuetype kind;
  int number;
  const char* text;
  napi_callback call;
  void (*run)(int count);
  napi_typedarray_type type;
  void* data;
  size_t length;
  struct property* properties;
};

struct property {
  const char* name;
  napi_value value;
  struct property* next;
};

struct napi_callback_info__ {
  size_t count;
  const napi_value* arguments;
};

napi_value exports;
static void* instance;
static void (*hook)(void*);
static void* hook_argument;
static napi_threadsafe_function_call_js call_js;
static napi_value js_function;
static void* queued;
static void* context;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;

static napi_value New(napi_valuetype kind) {
  napi_value value = calloc(1, sizeof *value);
  value->kind = kind;
  return value;
}

napi_value Int(int number) {
  napi_value value = New(napi_number);
  value->number = number;
  return value;
}

napi_value Text(const char* text) {
  napi_value value = New(napi_string);
  value->text = text;
  return value;
}

napi_value Callback(void (*run)(int count)) {
  napi_value value = New(napi_function);
  value->run = run;
  return value;
}

napi_value Array(napi_typedarray_type type, void* data, size_t length) {
  napi_value value = New(napi_object);
  value->type = type;
  value->data = data;
  value->length = length;
  return value;
}

napi_value Get(napi_value object, const char* name) {
  for (struct property* property = object->properties; property; property = property->next) {
    if (strcmp(property->name, name) == 0) return property->value;
  }
  fprintf(stderr, "no %s\n", name);
  exit(1);
}

napi_value Constant(const char* name) { return Get(Get(exports, "constants"), name); }

int ConstantNumber(const char* name) { return Constant(name)->number; }

void Check(const char* what, int actual, int expected) {
  if (actual == expected) return;
  fprintf(stderr, "%s: %d instead of %d\n", what, actual, expected);
  exit(1);
}

int Call(const char* name, size_t count, const napi_value* arguments) {
  struct napi_callback_info__ info = {count, arguments};
  napi_value result = Get(exports, name)->call(NULL, &info);
  return result && result->kind == napi_number ? result->number : -9999;
}

void RunQueued(void) {
  pthread_mutex_lock(&lock);
  while (!queued) pthread_cond_wait(&arrived, &lock);
  void* data = queued;
  queued = NULL;
  pthread_mutex_unlock(&lock);
  call_js((napi_env)&instance, js_function, context, data);
}

void CleanUp(void) {
  hook(hook_argument);
  if (queued) call_js(NULL, NULL, context, queued);
  queued = NULL;
}

#define API(name, ...) napi_status name(napi_env env, __VA_ARGS__)
#define RETURN(value) return *result = (value), (void)env, napi_ok

static void Set(napi_value object, const char* name, napi_value value) {
  struct property* property = malloc(sizeof *property);
  *property = (struct property){name, value, object->properties};
  object->properties = property;
}

API(napi_create_object, napi_value* result) { RETURN(New(napi_object)); }

void Register(void* entry) {
  exports = New(napi_object);
  napi_value (*init)(napi_env, napi_value) = (napi_value(*)(napi_env, napi_value))entry;
  // The environment's content is never read, but the addon treats a null environment as one that is being torn down.
  Check("registered", init && init((napi_env)&exports, exports), 1);
}

API(napi_create_array_with_length, size_t length, napi_value* result) {
  (void)length;
  RETURN(New(napi_object));
}
API(napi_create_int32, int32_t value, napi_value* result) { RETURN(Int(value)); }
API(napi_create_string_utf8, const char* text, size_t length, napi_value* result) {
  (void)length;
  RETURN(Text(strdup(text)));
}
API(napi_create_function, const char* name, size_t length, napi_callback call, void* data, napi_value* result) {
  (void)name, (void)length, (void)data;
  napi_value value = New(napi_function);
  value->call = call;
  RETURN(value);
}
API(napi_get_undefined, napi_value* result) { RETURN(New(napi_undefined)); }
API(napi_typeof, napi_value value, napi_valuetype* result) { RETURN(value->kind); }
API(napi_get_value_int32, napi_value value, int32_t* result) {
  if (value->kind != napi_number) return napi_number_expected;
  RETURN(value->number);
}
API(napi_get_value_bool, napi_value value, bool* result) { RETURN(value->number != 0); }
API(napi_get_value_string_utf8, napi_value value, char* out, size_t size, size_t* result) {
  (void)env, (void)result;
  if (value->kind != napi_string) return napi_string_expected;
  snprintf(out, size, "%s", value->text);
  return napi_ok;
}
API(napi_get_typedarray_info, napi_value value, napi_typedarray_type* type, size_t* length, void** data, napi_value* buffer,
    size_t* offset) {
  (void)env, (void)buffer, (void)offset;
  if (!value->data) return napi_invalid_arg;
  *type = value->type;
  *length = value->length;
  *data = value->data;
  return napi_ok;
}
API(napi_set_named_property, napi_value object, const char* name, napi_value value) {
  (void)env;
  Set(object, name, value);
  return napi_ok;
}
API(napi_set_element, napi_value object, uint32_t index, napi_value value) {
  (void)env;
  Set(object, index == 0 ? "0" : "1", value);
  return napi_ok;
}
API(napi_get_cb_info, napi_callback_info info, size_t* count, napi_value* arguments, napi_value* self, void** data) {
  (void)env, (void)self, (void)data;
  for (size_t i = 0; i < *count; i++) arguments[i] = i < info->count ? info->arguments[i] : New(napi_undefined);
  *count = info->count;
  return napi_ok;
}
napi_status napi_set_instance_data(node_api_basic_env env, void* data, napi_finalize finalize, void* hint) {
  (void)env, (void)finalize, (void)hint;
  instance = data;
  return napi_ok;
}
napi_status napi_get_instance_data(node_api_basic_env env, void** result) { RETURN(instance); }
napi_status napi_add_env_cleanup_hook(node_api_basic_env env, void (*run)(void*), void* argument) {
  (void)env;
  hook = run;
  hook_argument = argument;
  return napi_ok;
}
API(napi_create_reference, napi_value value, uint32_t count, napi_ref* result) {
  (void)count;
  RETURN((napi_ref)value);
}
API(napi_get_reference_value, napi_ref reference, napi_value* result) { RETURN((napi_value)reference); }
napi_status napi_delete_reference(napi_env env, napi_ref reference) {
  (void)env, (void)reference;
  return napi_ok;
}
API(napi_create_threadsafe_function, napi_value function, napi_value resource, napi_value name, size_t queue, size_t threads,
    void* data, napi_finalize finalize, void* pointer, napi_threadsafe_function_call_js call, napi_threadsafe_function* result) {
  (void)resource, (void)name, (void)queue, (void)threads, (void)data, (void)finalize;
  js_function = function;
  context = pointer;
  call_js = call;
  RETURN((napi_threadsafe_function)function);
}
napi_status napi_call_threadsafe_function(napi_threadsafe_function function, void* data,
                                          napi_threadsafe_function_call_mode mode) {
  (void)function, (void)mode;
  pthread_mutex_lock(&lock);
  queued = data;
  pthread_cond_signal(&arrived);
  pthread_mutex_unlock(&lock);
  return napi_ok;
}
API(napi_call_function, napi_value self, napi_value function, size_t count, const napi_value* arguments, napi_value* result) {
  (void)env, (void)self, (void)count, (void)result;
  function->run(arguments[0]->number);
  return napi_ok;
}
API(napi_is_exception_pending, bool* result) { RETURN(false); }

// Functions that have no effect in this host.
#define NOTHING(name, ...) \
  napi_status name(__VA_ARGS__) { return napi_ok; }
NOTHING(napi_open_handle_scope, napi_env env, napi_handle_scope* result)
NOTHING(napi_close_handle_scope, napi_env env, napi_handle_scope scope)
NOTHING(napi_ref_threadsafe_function, node_api_basic_env env, napi_threadsafe_function function)
NOTHING(napi_unref_threadsafe_function, node_api_basic_env env, napi_threadsafe_function function)
NOTHING(napi_release_threadsafe_function, napi_threadsafe_function function, napi_threadsafe_function_release_mode mode)

// The addon calls these only after a failure.
#define FAILURE(name, ...) \
  napi_status name(__VA_ARGS__) { fprintf(stderr, #name "\n"), abort(); }
FAILURE(napi_create_error, napi_env env, napi_value code, napi_value text, napi_value* result)
FAILURE(napi_create_type_error, napi_env env, napi_value code, napi_value text, napi_value* result)
FAILURE(napi_define_properties, napi_env env, napi_value object, size_t count, const napi_property_descriptor* properties)
FAILURE(napi_get_and_clear_last_exception, napi_env env, napi_value* result)
FAILURE(napi_get_last_error_info, node_api_basic_env env, const napi_extended_error_info** result)
FAILURE(napi_get_property, napi_env env, napi_value object, napi_value key, napi_value* result)
FAILURE(napi_has_property, napi_env env, napi_value object, napi_value key, bool* result)
FAILURE(napi_throw, napi_env env, napi_value error)

void napi_fatal_error(const char* location, size_t length, const char* message, size_t size) {
  (void)length, (void)size;
  fprintf(stderr, "%s: %s\n", location, message);
  abort();
}
