#include "formats/parquet_chunk.h"

#include <algorithm>
#include <map>

#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/decode_scratch.h"
#include "formats/parquet_cells.h"
#include "formats/parquet_nested.h"

namespace millrace {
namespace {

// Cells are decoded column by column for as many rows as fit the first-level cache.
constexpr size_t kTileCells = 1024;
constexpr size_t kMinTileRows = 8;

struct ParquetScratch : FormatScratch {
  CellContext context;
  std::vector<Value> cells;
};

void AppendRow(const RowShape& shape, const Value* cells, ByteBuffer& out) {
  out.Append('{');
  for (size_t i = 0; i < shape.names.size(); ++i) {
    if (cells[i].is_null()) continue;
    if (out.view().back() != '{') out.Append(',');
    AppendJsonString(out, shape.names[i]);
    out.Append(':');
    AppendJsonValue(out, cells[i]);
  }
  out.Append('}');
}

// The rows of a chunk, decoded tile by tile.
class RowMaker : public CellProblems {
 public:
  RowMaker(const ParquetSchema& schema, const std::vector<LeafColumn>& leaves,
           ParquetScratch& scratch)
      : schema_(schema),
        context_(scratch.context),
        cells_(scratch.cells),
        cursors_(MakeCursors(schema, leaves)),
        nested_(absl::MakeSpan(cursors_), context_) {}

  void ForEachRow(uint64_t first_row, size_t rows, RowVisitor& visitor) {
    const size_t width = schema_.columns.size();
    const size_t tile = std::max(kMinTileRows, kTileCells / std::max<size_t>(width, 1));
    cells_.resize(tile * width);
    for (size_t begin = 0; begin < rows; begin += tile) {
      const size_t count = std::min(tile, rows - begin);
      MakeTile(count);
      for (size_t row = 0; row < count; ++row) {
        ShowRow(first_row + begin + row, row, visitor);
      }
    }
    context_.arena().Clear();
  }

 private:
  static std::vector<LeafCursor> MakeCursors(const ParquetSchema& schema,
                                             const std::vector<LeafColumn>& leaves) {
    std::vector<LeafCursor> cursors;
    cursors.reserve(leaves.size());
    for (size_t i = 0; i < leaves.size(); ++i) cursors.emplace_back(schema.leaves[i], leaves[i]);
    return cursors;
  }

  void MakeTile(size_t rows) {
    const size_t width = schema_.columns.size();
    context_.arena().Clear();
    problems_.clear();
    for (column_ = 0; column_ < width; ++column_) {
      const ParquetNode& node = schema_.columns[column_];
      Value* const cells = cells_.data() + column_;
      if (node.kind == ParquetNode::Kind::kLeaf) {
        FillCells(cursors_[node.first_leaf], rows, cells, width, context_, *this);
        continue;
      }
      for (size_t row = 0; row < rows; ++row) {
        cells[row * width] = nested_.Next(node);
        if (context_.has_problem()) OnProblem(row, context_.TakeProblem());
      }
    }
  }

  void OnProblem(size_t row, absl::Status problem) override {
    problems_.try_emplace(row, Annotate(problem, StrCat("column ", schema_.columns[column_].name)));
  }

  void ShowRow(uint64_t number, size_t row, RowVisitor& visitor) {
    const size_t width = schema_.columns.size();
    const Value* const cells = cells_.data() + row * width;
    if (const auto problem = problems_.find(row); problem != problems_.end()) [[unlikely]] {
      ByteBuffer text;
      AppendRow(schema_.shape, cells, text);
      return visitor.OnBadRow(number, problem->second, text.view());
    }
    visitor.OnRow({.number = number, .shape = &schema_.shape, .values = {cells, width}});
  }

  const ParquetSchema& schema_;
  CellContext& context_;
  std::vector<Value>& cells_;  // row by row
  std::vector<LeafCursor> cursors_;
  NestedCells nested_;
  size_t column_ = 0;                        // being decoded
  std::map<size_t, absl::Status> problems_;  // of rows of the tile
};

}  // namespace

size_t ParquetChunk::memory() const {
  size_t bytes = sizeof *this;
  for (const LeafColumn& leaf : leaves_) bytes += sizeof leaf + leaf.bytes();
  return bytes;
}

void ParquetChunk::ForEachRow(DecodeScratch& scratch, RowVisitor& visitor) {
  auto& parquet = ScratchIn<ParquetScratch>(scratch.parts().parquet);
  RowMaker(*schema_, leaves_, parquet).ForEachRow(first_row_, rows_, visitor);
}

}  // namespace millrace
