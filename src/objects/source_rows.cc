#include "objects/source_rows.h"

#include <memory>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"
#include "io/object_store.h"
#include "mapping/row_mapper.h"
#include "objects/iceberg_store.h"
#include "objects/mapped_rows.h"

namespace millrace {
namespace {

using RowsByNumber = absl::flat_hash_map<uint64_t, std::string>;

class KeepWanted : public RowVisitor {
 public:
  KeepWanted(const RowSet& wanted, RowsByNumber& kept) : wanted_(wanted), kept_(kept) {}

  void OnRow(const Row& row) override {
    if (!wanted_.Contains(row.number)) return;
    json_.clear();
    AppendRowAsJson(row, json_);
    kept_[row.number] = json_.view();
  }
  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override {}

 private:
  const RowSet& wanted_;
  RowsByNumber& kept_;
  ByteBuffer json_;
};

absl::StatusOr<std::unique_ptr<ObjectReader>> OpenVersion(const LedgerKey& object,
                                                          const StoreOptions& stores) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectStore> store, OpenInputStore(object.object, stores));
  ASSIGN_OR_RETURN(const ObjectInfo found, store->Find(object.object));
  if (found.version != object.version) {
    return absl::FailedPreconditionError(StrCat(object.object, " has changed"));
  }
  return store->Open(found);
}

}  // namespace

absl::StatusOr<RowsByNumber> ReadRowsAsJson(const LedgerKey& object, const SourceConfig& config,
                                            const RowSet& rows, const StoreOptions& stores) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> opened, OpenVersion(object, stores));
  ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader,
                   OpenMappedRows(std::move(opened), config, ReadOptionsFor(config)));
  RowsByNumber kept;
  KeepWanted visitor(rows, kept);
  DecodeScratch scratch;
  for (uint64_t row = 0; row < rows.end();) {
    ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader->Read(ChunkLimits()));
    if (chunk == nullptr) break;
    row = chunk->after().row;
    if (rows.ContainsAny(chunk->first_row(), row)) chunk->ForEachRow(scratch, visitor);
  }
  return kept;
}

}  // namespace millrace
