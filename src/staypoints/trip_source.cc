#include "staypoints/trip_source.h"

namespace millrace {

TripColumnRefs DefaultTripColumns() {
  return {{{"user_id"},
           {"trip_start_time"},
           {"trip_end_time"},
           {"start_lat"},
           {"start_lng"},
           {"end_lat"},
           {"end_lng"}}};
}

}  // namespace millrace
