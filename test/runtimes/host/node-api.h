// As much of Node-API as the addon calls, for machines on which no JavaScript runtime is to be had.
#pragma once

#include <node_api.h>

typedef struct napi_value__ Value;

// What the addon put under a name of an object.
napi_value Get(napi_value object, const char* name);
// A typed array over memory of the host's.
napi_value Array(napi_typedarray_type type, void* data, size_t length);
napi_value Int(int number);
napi_value Text(const char* text);
napi_value Callback(void (*run)(int count));
// Calls a function of the addon; an int it returned, or -9999.
int Call(napi_value exports, const char* name, size_t count, const napi_value* arguments);
// Waits for one call from the addon's thread, and makes it.
void RunQueued(void);
void CleanUp(void);
