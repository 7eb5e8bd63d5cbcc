// Supports only the relocation types that the addon contains.
#include "loader.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__arm__)
enum { kRelative = R_ARM_RELATIVE, kSlot = R_ARM_JUMP_SLOT, kGlobal = R_ARM_GLOB_DAT, kAddress = R_ARM_ABS32 };
#else
enum { kRelative = 3, kSlot = 5, kGlobal = -1, kAddress = 2 };  // R_LARCH_*: elf.h of 2022 has none of them.
#endif

// The symbols that the addon imports from the process. tools/runtimes/hosts.mjs generates the list.
struct symbol {
  const char* name;
  void* address;
};
extern const struct symbol symbols[];

static uint8_t* base;
static ElfW(Addr) entries[DT_NUM];
static char problem[128];

static uintptr_t Address(size_t index) {
  const ElfW(Sym)* symbol = (const ElfW(Sym)*)(base + entries[DT_SYMTAB]) + index;
  const char* name = (const char*)base + entries[DT_STRTAB] + symbol->st_name;
  if (symbol->st_shndx != SHN_UNDEF) return (uintptr_t)base + symbol->st_value;
  for (const struct symbol* known = symbols; known->name; known++) {
    if (strcmp(known->name, name) == 0) return (uintptr_t)known->address;
  }
  snprintf(problem, sizeof problem, "no %s", name);
  return 0;
}

static void Relocate(ElfW(Addr) table, size_t bytes, int addends) {
  const size_t step = addends ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));
  for (size_t at = 0; at < bytes; at += step) {
    const ElfW(Rela)* entry = (const ElfW(Rela)*)(base + table + at);
    uintptr_t* place = (uintptr_t*)(base + entry->r_offset);
    const uintptr_t addend = addends ? (uintptr_t)entry->r_addend : *place;
    const int type = (int)(sizeof place == 8 ? entry->r_info & 0xffffffff : entry->r_info & 0xff);
    const size_t symbol = sizeof place == 8 ? (uint64_t)entry->r_info >> 32 : entry->r_info >> 8;
    if (type == kRelative) *place = (uintptr_t)base + addend;
    else if (type == kSlot || type == kGlobal) *place = Address(symbol);
    else if (type == kAddress) *place = Address(symbol) + addend;
    else snprintf(problem, sizeof problem, "relocation %d", type);
  }
}

void* LoadAddon(const char* path) {
  const int fd = open(path, O_RDONLY);
  ElfW(Ehdr) head;
  ElfW(Phdr) parts[16];
  if (read(fd, &head, sizeof head) != sizeof head || head.e_phnum > 16) return NULL;
  const size_t size = head.e_phnum * sizeof *parts;
  if (pread(fd, parts, size, (off_t)head.e_phoff) != (ssize_t)size) return NULL;
  base = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return NULL;
  for (const ElfW(Phdr)* part = parts; part < parts + head.e_phnum; part++) {
    if (part->p_type == PT_LOAD) pread(fd, base + part->p_vaddr, part->p_filesz, (off_t)part->p_offset);
  }
  close(fd);
  for (const ElfW(Phdr)* part = parts; part < parts + head.e_phnum; part++) {
    if (part->p_type != PT_DYNAMIC) continue;
    for (const ElfW(Dyn)* entry = (const ElfW(Dyn)*)(base + part->p_vaddr); entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag < DT_NUM) entries[entry->d_tag] = entry->d_un.d_ptr;
    }
  }
  Relocate(entries[DT_RELA], entries[DT_RELASZ], 1);
  Relocate(entries[DT_REL], entries[DT_RELSZ], 0);
  Relocate(entries[DT_JMPREL], entries[DT_PLTRELSZ], entries[DT_PLTREL] == DT_RELA);
  __builtin___clear_cache((char*)base, (char*)base + (1 << 20));
  return problem[0] ? NULL : base;
}

void* FindSymbol(const char* name) {
  const size_t count = ((const uint32_t*)(base + entries[DT_HASH]))[1];
  for (size_t i = 1; i < count; i++) {
    const ElfW(Sym)* symbol = (const ElfW(Sym)*)(base + entries[DT_SYMTAB]) + i;
    if (strcmp((const char*)base + entries[DT_STRTAB] + symbol->st_name, name) == 0) return (void*)Address(i);
  }
  return NULL;
}

const char* LoadError(void) { return problem; }
