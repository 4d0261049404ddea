// The content of a DecodeScratch, for the readers of this folder.
#ifndef MILLRACE_FORMATS_DECODE_SCRATCH_H_
#define MILLRACE_FORMATS_DECODE_SCRATCH_H_

#include <memory>

#include "formats/row_reader.h"

namespace millrace {

// The decoding memory of one format: created by the format's chunks on first use.
class FormatScratch {
 public:
  virtual ~FormatScratch() = default;
};

struct DecodeScratch::Parts {
  std::unique_ptr<FormatScratch> json;
  std::unique_ptr<FormatScratch> csv;
  std::unique_ptr<FormatScratch> parquet;
};

// The format's scratch in `slot` (one of the members of Parts), created if there is none yet. Each
// slot always has the same type.
template <typename Scratch>
Scratch& ScratchIn(std::unique_ptr<FormatScratch>& slot) {
  if (slot == nullptr) slot = std::make_unique<Scratch>();
  return static_cast<Scratch&>(*slot);
}

}  // namespace millrace

#endif  // MILLRACE_FORMATS_DECODE_SCRATCH_H_
