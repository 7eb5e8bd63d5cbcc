#include "arguments.h"

void Define(napi_env env, napi_value exports, const Function* functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value value = nullptr;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, nullptr, &value);
    napi_set_named_property(env, exports, functions[i].name, value);
  }
}
