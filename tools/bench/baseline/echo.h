// ICMP echo over a raw IPv4 socket.
#ifndef ECHO_H
#define ECHO_H

#include "common.h"

#include <linux/icmp.h>

enum { ECHO_BYTES = 64, BATCH = 64 };

static inline uint16_t checksum(const void *data, size_t length) {
  const uint16_t *words = data;
  uint32_t sum = 0;
  for (size_t i = 0; i < length / 2; i++) sum += words[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

/** Writes an echo request. Only the sequence number changes, so its checksum is computed by one subtraction. */
static inline void fill_echo(uint8_t *packet, uint16_t id, uint16_t sequence) {
  static uint8_t model[ECHO_BYTES];
  static uint32_t inverse;
  if (!inverse) {
    for (int i = 8; i < ECHO_BYTES; i++) model[i] = (uint8_t)i;
    struct icmphdr header = {.type = ICMP_ECHO};
    header.un.echo.id = htons(id);
    memcpy(model, &header, sizeof header);
    inverse = (uint16_t)~checksum(model, ECHO_BYTES);
  }
  memcpy(packet, model, ECHO_BYTES);
  uint32_t sum = inverse + htons(sequence);
  sum = (sum & 0xffff) + (sum >> 16);
  uint16_t field = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
  memcpy(packet + 2, &field, 2);
  sequence = htons(sequence);
  memcpy(packet + 6, &sequence, 2);
}

/** Opens a raw socket that receives only echo replies and destination-unreachable errors. */
static inline int open_echo(const char *device) {
  int fd = check(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP), "socket");
  struct icmp_filter filter = {.data = ~((1u << ICMP_ECHOREPLY) | (1u << ICMP_DEST_UNREACH))};
  check(setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter), "ICMP_FILTER");
  set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20, "SO_RCVBUFFORCE");
  if (device && *device) {
    check(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)), "SO_BINDTODEVICE");
  }
  return fd;
}

enum verdict { FOREIGN, ANSWER, REJECTION };

/** Parses a received IP packet: its verdict, and the probe that it belongs to. */
static inline enum verdict read_answer(const uint8_t *packet, size_t length, uint16_t id, uint32_t *target,
                                       uint16_t *sequence) {
  size_t at = (size_t)(packet[0] & 15) * 4;
  enum verdict verdict = ANSWER;
  memcpy(target, packet + 12, 4);
  if (length >= at + 8 && packet[at] == ICMP_DEST_UNREACH) {
    size_t quote = at + 8;
    if (length < quote + 28) return FOREIGN;
    memcpy(target, packet + quote + 16, 4);
    at = quote + (size_t)(packet[quote] & 15) * 4;
    verdict = REJECTION;
  }
  struct icmphdr header;
  if (length < at + sizeof header) return FOREIGN;
  memcpy(&header, packet + at, sizeof header);
  if (header.type != (verdict == ANSWER ? ICMP_ECHOREPLY : ICMP_ECHO) || header.un.echo.id != htons(id)) return FOREIGN;
  *sequence = ntohs(header.un.echo.sequence);
  return verdict;
}

#endif
