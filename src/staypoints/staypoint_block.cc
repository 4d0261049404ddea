#include "staypoints/staypoint_block.h"

namespace millrace {

void StaypointBlock::clear() {
  ids.clear();
  users.clear();
  enter.clear();
  exit.clear();
  lat.clear();
  lng.clear();
  continues_user = false;
}

}  // namespace millrace
