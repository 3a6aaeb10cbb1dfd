package dev.braid.spark;

import java.io.IOException;
import java.util.Optional;

/**
 * A run whose files become a table of their own, in place of an older one if that may be replaced. Driver only.
 *
 * @param origin what decides its rows
 */
public record NewTable(Manifest.Origin origin) implements Destination {
    @Override
    public Optional<RunDirectory> begin(FusedTable output) throws IOException {
        return output.begin(origin.identity());
    }
}
