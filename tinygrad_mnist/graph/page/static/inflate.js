"use strict";
// What DEFLATE has packed (RFC 1951): browsers unpack it by themselves, but only later than a script needs it.

/** @typedef {{counts: number[], symbols: number[]}} Codes How many codes there are of each length, and what they mean. */

const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTHS = bases(3, [8, 4, 4, 4, 4, 4, 1]);
const DISTANCES = bases(1, [4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
LENGTHS[28] = [258, 0];

/**
 * The least value that each symbol stands for, and how many bits are to be added: so many symbols with 0, 1, … bits.
 * @param {number} start
 * @param {number[]} counts
 */
function bases(start, counts) {
  /** @type {[number, number][]} */
  const found = [];
  counts.forEach((count, bits) => {
    for (let i = 0; i < count; i++, start += 1 << bits) found.push([start, bits]);
  });
  return found;
}

/**
 * @param {number[]} lengths
 * @returns {Codes}
 */
function codes(lengths) {
  const counts = new Array(16).fill(0);
  for (const length of lengths) if (length) counts[length] += 1;
  const used = lengths.map((_, symbol) => symbol).filter((symbol) => lengths[symbol]);
  return { counts, symbols: used.sort((a, b) => lengths[a] - lengths[b] || a - b) };
}

const FIXED = [
  codes(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
  codes(new Array(30).fill(5)),
];

class Inflater {
  at = 0;
  end = 0;

  /**
   * @param {Uint8Array} packed
   * @param {number} size Of what was packed.
   */
  constructor(packed, size) {
    this.packed = packed;
    this.out = new Uint8Array(size);
  }

  /** @param {number} count */
  bits(count) {
    let value = 0;
    for (let i = 0; i < count; i++, this.at++) value |= ((this.packed[this.at >> 3] >> (this.at & 7)) & 1) << i;
    return value;
  }

  /** @param {Codes} codes */
  symbol({ counts, symbols }) {
    for (let code = 0, first = 0, index = 0, length = 1; length < 16; length++) {
      code |= this.bits(1);
      if (code - first < counts[length]) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw new Error("the page is damaged: write it again");
  }

  run() {
    for (let last = 0; !last;) {
      last = this.bits(1);
      const kind = this.bits(2);
      if (kind) this.block(kind === 1 ? FIXED : this.tables());
      else this.stored();
    }
    return this.out;
  }

  stored() {
    const start = (this.at + 7) >> 3;
    const length = this.packed[start] | (this.packed[start + 1] << 8);
    this.out.set(this.packed.subarray(start + 4, start + 4 + length), this.end);
    this.end += length;
    this.at = 8 * (start + 4 + length);
  }

  tables() {
    const [literals, distances, own] = [this.bits(5) + 257, this.bits(5) + 1, this.bits(4) + 4];
    const lengths = new Array(19).fill(0);
    for (const place of ORDER.slice(0, own)) lengths[place] = this.bits(3);
    const table = codes(lengths);
    /** @type {number[]} */
    const read = [];
    while (read.length < literals + distances) {
      const symbol = this.symbol(table);
      if (symbol < 16) read.push(symbol);
      else {
        const again = symbol === 16 ? this.bits(2) + 3 : symbol === 17 ? this.bits(3) + 3 : this.bits(7) + 11;
        read.push(...new Array(again).fill(symbol === 16 ? read[read.length - 1] : 0));
      }
    }
    return [codes(read.slice(0, literals)), codes(read.slice(literals))];
  }

  /** @param {Codes[]} tables */
  block([literals, distances]) {
    for (let symbol = this.symbol(literals); symbol !== 256; symbol = this.symbol(literals)) {
      if (symbol < 256) this.out[this.end++] = symbol;
      else {
        const [length, more] = LENGTHS[symbol - 257];
        const count = length + this.bits(more);
        const [distance, further] = DISTANCES[this.symbol(distances)];
        const from = this.end - distance - this.bits(further);
        for (let i = 0; i < count; i++) this.out[this.end++] = this.out[from + i];
      }
    }
  }
}
