package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** The reading of a model directory. */
final class CheckpointReader {
    private CheckpointReader() {}

    static Checkpoint read(String directory, Configuration hadoop) {
        try {
            Path path = new Path(directory);
            path.getFileSystem(hadoop).getFileStatus(path);
            return new Checkpoint(null, null);
        } catch (IOException e) {
            throw new InputException("Cannot read model directory '" + directory + "'", e);
        }
    }
}
