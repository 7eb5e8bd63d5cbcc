// A replacement for dlopen(3) in a static program, for machines whose C library is only available for static linking.
#pragma once

void* LoadAddon(const char* path);
void* FindSymbol(const char* name);
const char* LoadError(void);
