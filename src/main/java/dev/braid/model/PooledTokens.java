package dev.braid.model;

import dev.braid.checkpoint.Pooling;
import java.util.function.IntUnaryOperator;

/**
 * Pools the tokens of a stream to the one token that each row has in another stream.
 *
 * @param stream index of the stream of vectors
 * @param of index of the stream of tokens
 * @param pooling cls (the first token), last, mean or max
 */
record PooledTokens(int stream, int of, Pooling pooling) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream vectors = workspace.stream(stream);
        TokenStream tokens = workspace.stream(of);
        int rows = workspace.batch().rows();
        if (pooling.readsOneToken()) {
            IntUnaryOperator token = pooling == Pooling.LAST
                    ? row -> tokens.packed().firstToken(row + 1) - 1
                    : tokens.packed()::firstToken;
            workspace.kernels().copyRows(vectors.hidden(), row -> row, tokens.hidden(), token, rows);
            return;
        }
        float[] vector = new float[vectors.hidden().columns()];
        Pooler pooler = new Pooler(vector.length);
        for (int row = 0; row < rows; row++) {
            pooler.begin(pooling);
            pooler.add(tokens.numbers(), tokens.firstToken(row), tokens.packed().tokens(row));
            pooler.end(vector);
            vectors.numbers().put(row * vector.length, vector);
        }
    }
}
