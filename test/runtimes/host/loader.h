// dlopen(3) for a static program, for machines whose C library is to be had in no other form.
#pragma once

void* LoadAddon(const char* path);
void* FindSymbol(const char* name);
const char* LoadError(void);
