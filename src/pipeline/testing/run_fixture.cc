#include "pipeline/testing/run_fixture.h"

#include <memory>
#include <utility>

namespace millrace {

RunReport RunWith(PipelineSimulation& world, Source& source, const Replaced& other,
                  std::stop_token stop) {
  return Run(
      {.source = source,
       .make_transform = other.make_transform ? other.make_transform
                                              : [] { return std::make_unique<FakeTransform>(); },
       .make_sink =
           other.make_sink ? other.make_sink : [&world] { return world.destination.NewSink(); },
       .ledger = other.ledger != nullptr ? *other.ledger : world.ledger,
       .dead_letter = other.dead_letter != nullptr ? *other.dead_letter : world.dead_letter,
       .cursor = other.cursor != nullptr ? other.cursor : world.destination.cursor(),
       .clock = other.clock != nullptr ? *other.clock : world.clock},
      world.options, std::move(stop));
}

void RunTest::AddObject(const std::string& name, const std::string& letters) {
  world_.objects.push_back(MakeFakeObject(name, letters));
}

void RunTest::AddRows(const std::string& name, size_t rows) {
  std::string letters;
  for (size_t row = 0; row < rows; ++row) letters += "a ";
  AddObject(name, letters);
}

LedgerEntry RunTest::Entry(size_t object) {
  return world_.ledger.Find(world_.objects[object].key).value_or(LedgerEntry());
}

}  // namespace millrace
