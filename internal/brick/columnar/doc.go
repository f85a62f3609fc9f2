// Package columnar packs a thousand rows into one block of bytes, column by column: whole
// numbers as differences from the least of them, in as few bits as the greatest needs;
// texts as numbers of the block's own dictionary. A column that is zero in every row
// takes no bytes. It is a brick: it knows rows, numbers and texts, nothing else.
//
// It promises that a block gives back the rows that went into it, that a block of which
// one bit is wrong is refused, and that no block of bytes, whoever made it, makes it
// panic or take more memory than a block of the greatest size takes.
//
// A block, version 1, numbers as unsigned varints where nothing else is said:
//
//	1 byte    version
//	          rows, then the columns of numbers and those of texts that are not all
//	          zero, as two sets of bits
//	          entries of the dictionary, the length of each, then all their bytes
//	          the columns, in order of their numbers:
//	          1 byte mode: the bits of a value, 0 to 64, plus 128 if differences from
//	          the row before are packed (the first row is packed as it is, before them)
//	          the least value as a signed varint; packed bits, little-endian, to a byte
//	4 bytes   CRC-32C of all that, little-endian
//
// A text is the number of its entry plus one; zero is the empty text.
package columnar
