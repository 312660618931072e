namespace Sgl.LoadTest;

/// <summary>How a request ended.</summary>
internal enum Ending
{
    /// <summary>Answered as it should be.</summary>
    Answered,

    /// <summary>Answered by the small model where the large one should have.</summary>
    Degraded,

    /// <summary>Refused with RESOURCE_EXHAUSTED.</summary>
    Shed,

    /// <summary>DEADLINE_EXCEEDED.</summary>
    Late,

    /// <summary>Anything else.</summary>
    Failed,
}

/// <summary>One request.</summary>
/// <param name="Ending">How it ended.</param>
/// <param name="Time">From its arrival (not from when there was time to send it) to its end.</param>
/// <param name="FirstToken">To its first token, where it had one.</param>
/// <param name="Detail">For failures: status and message.</param>
internal sealed record Outcome(Ending Ending, TimeSpan Time, TimeSpan? FirstToken = null, string Detail = "");
