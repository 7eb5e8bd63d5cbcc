/** The second word of every message (RFC 8489 section 5). */
export const magicCookie = Buffer.from([0x21, 0x12, 0xa4, 0x42])
