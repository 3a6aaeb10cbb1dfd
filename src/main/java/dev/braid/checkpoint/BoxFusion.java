package dev.braid.checkpoint;

import java.util.Locale;

/** How a token's box is combined with its features; its {@code configName} is the value of {@code box_fusion}. */
public enum BoxFusion {
    /**
     * Features and box have a projection each, and the results are added: UNITER (arXiv 1909.11740, section 3.1),
     * ViLBERT.
     */
    SUM,
    /** Features and box have a projection each, and the results are averaged: LXMERT (arXiv 1908.07490, equation 3). */
    MEAN,
    /** The box is appended to the features, and one projection reads both: OSCAR (arXiv 2004.06165, section 3). */
    CONCATENATE;

    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
