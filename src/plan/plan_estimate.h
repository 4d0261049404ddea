// From what was sampled to what there is.
#ifndef MILLRACE_PLAN_PLAN_ESTIMATE_H_
#define MILLRACE_PLAN_PLAN_ESTIMATE_H_

#include <cstdint>

namespace millrace {

struct Amounts;
struct RunOptions;

// The number of rows per byte of an object, measured while it is read chunk by chunk.
class RowDensity {
 public:
  // `compressed`: only the reader's reads of the object give its position; they are ahead of its
  // rows, so the density is measured between two reads. Else positions are exact.
  explicit RowDensity(bool compressed) : compressed_(compressed) {}

  // Call it after a chunk: `rows` of the object are before `byte` of its (decompressed) text, and
  // `raw_bytes` of the object were read so far.
  void Measure(uint64_t rows, uint64_t byte, uint64_t raw_bytes);

  double rows_per_byte() const;  // 0: nothing was measured

 private:
  struct Point {
    uint64_t rows = 0;
    uint64_t bytes = 0;
  };

  const bool compressed_;
  bool begun_ = false;
  Point first_;  // compressed: right after the first read that a chunk needed
  Point last_;
};

// The extent of the sample of one object.
struct SampledExtent {
  uint64_t object_bytes = 0;
  uint64_t known_rows = 0;   // in the whole object, by its metadata; 0: not known
  uint64_t rows_before = 0;  // rows before the sample
  uint64_t rows = 0;         // rows of the sample
  bool ended = false;        // the sample reached the end of the object
  double rows_per_byte = 0;
};

struct RowEstimate {
  double rows = 0;  // from the first row of the sample to the end of the object
  bool exact = false;
};

RowEstimate RowsFrom(const SampledExtent& extent);

// How long `amounts` take at Mixpanel's quota; 0 means no limit.
double SecondsAtQuota(const Amounts& amounts, double events_per_second, double bytes_per_second);

// The approximate peak memory of an import whose largest chunk takes `chunk_bytes`, including the
// records made from it.
uint64_t PeakMemory(const RunOptions& run, uint64_t chunk_bytes);

}  // namespace millrace

#endif  // MILLRACE_PLAN_PLAN_ESTIMATE_H_
