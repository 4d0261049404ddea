// Rows to blocks, which are pieces of a file, and blocks to files. What a partition has collected
// is kept as blocks in a scratch file until its file is written: so there may be any number of
// partitions.
#ifndef MILLRACE_DATA_FILES_BLOCK_CODER_H_
#define MILLRACE_DATA_FILES_BLOCK_CODER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data_files/file_layout.h"
#include "formats/parquet_writer.h"
#include "io/object_store.h"
#include "io/scratch_file.h"
#include "records/table_form.h"

namespace millrace::data_files {

// Compressed, in the scratch file. Of Parquet: a ParquetPage for each column, then their bytes.
struct Block {
  ScratchFile::Extent extent;
  uint64_t rows = 0;
};

// One thread at a time; keeps its buffers.
class BlockCoder {
 public:
  virtual ~BlockCoder() = default;
  // `bytes`: `rows` rows, as the RowEncoder of the same layout made them.
  virtual absl::StatusOr<Block> Encode(std::string_view bytes, uint64_t rows) = 0;
  // Writes a file of `blocks`, in their order, and finishes it. The summary of a file that is not
  // Parquet has no leaves.
  virtual absl::StatusOr<ParquetFileSummary> Write(absl::Span<const Block> blocks,
                                                   ObjectWriter& to) = 0;
};

// All arguments outlive it.
std::unique_ptr<BlockCoder> NewBlockCoder(const FileLayout& layout, const TableForm& form,
                                          ScratchFile& scratch);

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_BLOCK_CODER_H_
