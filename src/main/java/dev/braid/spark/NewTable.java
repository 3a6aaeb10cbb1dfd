package dev.braid.spark;

import java.io.IOException;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A run whose files become a table of their own, in place of an older one if that may be replaced. Driver only.
 *
 * @param origin what decides its rows
 * @param keep whether a published table of this origin is kept although it may be replaced
 */
public record NewTable(Manifest.Origin origin, Predicate<Manifest> keep) implements Destination {
    /** Of which any is replaced. */
    public NewTable(Manifest.Origin origin) {
        this(origin, published -> false);
    }

    @Override
    public Optional<RunDirectory> begin(FusedTable output) throws IOException {
        return output.begin(origin.identity(), keep);
    }
}
