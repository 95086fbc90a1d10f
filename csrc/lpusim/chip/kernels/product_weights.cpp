#include <algorithm>
#include <string>

#include "lpusim/chip/kernels/product_builder.h"

/// How weights get from SRAM into the planes, at fixed addresses or at those of an expert.
namespace lpusim::chip {

std::int64_t ProductBuilder::stream_of(std::size_t source, std::int64_t byte) const {
    std::int64_t stream = (gathered() ? kMapStreams : 0) + byte * plan_.load_streams[source];
    for (std::size_t before = 0; before < source; ++before)
        stream += type_.bytes * plan_.load_streams[before];
    return stream;
}

void ProductBuilder::load_and_install(Hemisphere hemisphere, std::int64_t taker, std::int64_t items) {
    const auto source = static_cast<std::size_t>(plan_.split_rows ? 0 : taker);
    for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
        runs_.load_and_install(hemisphere, plane_of(taker) + byte, plan_.tile_columns,
                               plan_.load_streams[source], stream_of(source, byte),
                               timing_.first_load[source], timing_.first_install,
                               {every_slot(), {items * plan_.steps, plan_.pass_cycles, 0, 0}});
    }
}

/// Columns of W by (tile, step), one word a load cycle; read again for every chunk.
void ProductBuilder::stream_weights(Hemisphere hemisphere, std::int64_t taker,
                                    const std::vector<Segment>& segments) {
    const auto source = static_cast<std::size_t>(plan_.split_rows ? 0 : taker);
    const std::int64_t width = plan_.load_streams[source];
    const std::int64_t whole = plan_.tile_columns / width, rest = plan_.tile_columns % width;
    const WeightSets sets = weight_sets(plan_, spec_, load_cycles(plan_, source));
    for (std::int64_t set = 0; set < sets.sets; ++set) {
        for (const Segment& segment : segments) {
            const std::int64_t first = segment.tiles_before * plan_.steps;
            for (const Rectangle& tiles :
                 rectangles(std::max(set * sets.tiles_a_set, first),
                            std::min((set + 1) * sets.tiles_a_set, first + segment.tiles * plan_.steps),
                            plan_.steps)) {
                if (whole > 0)
                    stream_weights({hemisphere, source, set, segment, tiles, 0, whole, width}, sets);
                if (rest > 0)
                    stream_weights({hemisphere, source, set, segment, tiles, whole, 1, rest}, sets);
            }
        }
    }
}

void ProductBuilder::stream_weights(const WeightPart& part, const WeightSets& sets) {
    const std::int64_t width = plan_.load_streams[part.source];
    const std::int64_t loads = load_cycles(plan_, part.source);
    const std::int64_t slice = layout_.weights[part.source] + part.set / sets.sets_a_slice * width;
    const std::int64_t window =
        part.set % sets.sets_a_slice * (spec_.mem_words_per_slice / sets.sets_a_slice);
    const std::int64_t address =
        window + (part.tiles.linear - part.set * sets.tiles_a_set) * loads + part.load;
    const std::int64_t tile = part.tiles.outer - part.segment.tiles_before;
    const std::int64_t pass =
        (part.segment.items_before + tile * part.segment.chunks) * plan_.steps + part.tiles.inner;
    const std::int64_t arrives = timing_.first_load[part.source] + pass * plan_.pass_cycles + part.load;
    std::vector<Level> levels{
        every_slot(),
        {part.tiles.outer_count, part.segment.chunks * item_cycles(), plan_.steps * loads, 0},
        {part.segment.chunks, item_cycles(), 0, 0},
        {part.tiles.inner_count, plan_.pass_cycles, loads, 0},
        {part.load_count, 1, 1, 0}};
    if (gathered()) {
        for (Level& level : levels)
            level.address_stride = 0; // Addresses come with the map.
    }
    for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
        const std::int64_t from = slice + byte * plan_.weight_sets * width;
        const std::int64_t stream = stream_of(part.source, byte);
        if (gathered()) {
            runs_.gather(part.hemisphere, from, window, sets.window_words, stream, arrives, levels,
                         part.columns);
        } else {
            runs_.read(part.hemisphere, from, address, stream, arrives, levels, part.columns);
        }
    }
    place_weights(part, sets, slice, address);
}

void ProductBuilder::place_weights(const WeightPart& part, const WeightSets& sets, std::int64_t slice,
                                   std::int64_t address) {
    const std::int64_t width = plan_.load_streams[part.source];
    const std::int64_t loads = load_cycles(plan_, part.source);
    const std::int64_t tile = part.tiles.outer - part.segment.tiles_before;
    TensorPiece piece{
        part.hemisphere,
        slice,
        address,
        part.tiles.inner * spec_.lanes(),
        (part.segment.tile_first + tile * part.segment.tile_stride) * plan_.tile_columns + part.load * width,
        {{part.tiles.outer_count, 0, part.segment.tile_stride * plan_.tile_columns, 0, plan_.steps * loads},
         {part.tiles.inner_count, spec_.lanes(), 0, 0, loads},
         {part.load_count, 0, width, 0, 1},
         {part.columns, 0, 1, 1, 0}},
        0,
        plan_.weight_sets * width};
    if (!gathered()) {
        tensor(weights_).pieces.push_back(piece);
        return;
    }
    for (std::int64_t expert = 0; expert < plan_.experts; ++expert) {
        tensor(weights_ + static_cast<std::size_t>(expert)).pieces.push_back(piece);
        piece.address += sets.expert_words;
    }
    // Behind the experts: zeros, as padding of a matrix of one element.
    piece.row = 0;
    piece.column = 0;
    piece.byte_slices = 1;
    for (TensorLoop& loop : piece.loops) {
        loop.row_stride = 1;
        loop.column_stride = 0;
    }
    for (std::int64_t byte = 0; byte < type_.bytes; ++byte) {
        tensor(idle_).pieces.push_back(piece);
        piece.slice += plan_.weight_sets * width;
    }
}

/// For every load cycle: expert number * words of an expert + place of the word in its window, computed by
/// one ALU and then one for each hemisphere, and driven outward ahead of the weights.
void ProductBuilder::route() {
    const std::int64_t lanes = spec_.lanes(), loads = load_cycles(plan_, 0), steps = plan_.steps;
    const WeightSets sets = weight_sets(plan_, spec_, loads);
    const std::int64_t stream = kSumBytes * plan_.takers;
    const Level passes{plan_.items * steps, plan_.pass_cycles, 0, 0}, each_load{loads, 1, 0, 0};

    Tensor expert{"expert", Tensor::Role::Input, DType::Int32, plan_.slots, lanes, false, lanes, {}};
    expert.pieces.push_back({Hemisphere::West, layout_.routing, 0, 0, 0, {{plan_.slots, 1, 0, 0, 1}}});
    runs_.program.tensors.push_back(expert);
    runs_.read_for_vxm(Hemisphere::West, layout_.routing, 0, stream, timing_.first_routing,
                       {slots(plan_.slots, 1), passes, each_load});

    Tensor offset{"offset", Tensor::Role::Constant, DType::Int32, sets.tiles * loads, lanes, false, lanes,
                  {}};
    offset.pieces.push_back({Hemisphere::East, layout_.routing, 0, 0, 0, {{sets.tiles * loads, 1, 0, 0, 1}}});
    offset.data.reserve(static_cast<std::size_t>(kSumBytes * sets.tiles * loads * lanes));
    for (std::int64_t word = 0; word < sets.tiles * loads; ++word) {
        const std::int64_t set = word / loads / sets.tiles_a_set;
        const std::int64_t bank = set % sets.sets_a_slice;
        const std::int64_t place =
            bank * (spec_.mem_words_per_slice / sets.sets_a_slice) + word - set * sets.tiles_a_set * loads;
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            for (std::int64_t byte = 0; byte < kSumBytes; ++byte)
                offset.data.push_back(static_cast<std::uint8_t>(place >> (8 * byte)));
        }
    }
    runs_.program.tensors.push_back(std::move(offset));
    for (const Segment& segment : segments_of(plan_, Hemisphere::West, 0)) {
        runs_.read_for_vxm(Hemisphere::East, layout_.routing, segment.tiles_before * steps * loads, stream,
                           timing_.first_routing + spec_.vxm_alu_latency_cycles +
                               segment.items_before * item_cycles(),
                           {every_slot(),
                            {segment.tiles, segment.chunks * item_cycles(), steps * loads, 0},
                            {segment.chunks, item_cycles(), 0, 0},
                            {steps, plan_.pass_cycles, loads, 0},
                            {loads, 1, 1, 0}});
    }

    VxmCompute scaled;
    scaled.op = VxmOp::Mul;
    scaled.dtype = scaled.result = DType::Int32;
    scaled.a = VxmStream{{Direction::East, stream}};
    scaled.b = VxmImmediate{static_cast<std::int32_t>(sets.expert_words)};
    runs_.emit({Unit::Vxm, Hemisphere::West, 0}, timing_.first_routing, scaled,
               {every_slot(), passes, each_load});
    VxmCompute added;
    added.op = VxmOp::Add;
    added.dtype = added.result = DType::Int32;
    added.a = VxmChain{0};
    added.b = VxmStream{{Direction::West, stream}};
    for (const Hemisphere hemisphere : {Hemisphere::West, Hemisphere::East}) {
        added.to = StreamRef{outward(hemisphere), 0};
        runs_.emit({Unit::Vxm, Hemisphere::West, hemisphere == Hemisphere::West ? 1 : 2},
                   timing_.first_routing + spec_.vxm_alu_latency_cycles, added,
                   {every_slot(), passes, each_load});
    }
}

} // namespace lpusim::chip
