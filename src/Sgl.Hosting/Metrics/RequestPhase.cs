namespace Sgl.Hosting;

/// <summary>Values of the label <c>phase</c> of <c>sgl_phase_seconds</c>.</summary>
public enum RequestPhase
{
    /// <summary>From submission to admission.</summary>
    Queue,

    /// <summary>Decoding, resizing, normalising images, tokenising.</summary>
    Preprocess,

    /// <summary>Vision tower and projector.</summary>
    Vision,

    /// <summary>Prefill.</summary>
    Prefill,

    /// <summary>All decode steps.</summary>
    Decode,

    /// <summary>The consistency pass.</summary>
    Consistency,
}
