package dev.braid.destination;

import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.RunDirectory;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A run whose files become a new table. It may replace an older one if that is allowed. Driver only.
 *
 * @param origin what decides its rows
 * @param keep whether to keep a published table of this origin, even if it may be replaced
 */
public record NewTable(Origin origin, Predicate<Manifest> keep) implements Destination {
    @Override
    public Optional<RunDirectory> begin(FusedTable output) throws IOException {
        return output.begin(origin.identity(), keep);
    }
}
