namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>
/// Work that goes from device to device and carries its rows along: a chunk of a pass, a decode step of some sequences, the head over rows that wait for it. The engine thread makes it and hears
/// of its end; in between it belongs to whichever device runs it, and so do the sequences in it.
/// </summary>
internal abstract class Job
{
    /// <summary>The stage that comes next.</summary>
    public abstract int Stage { get; }

    /// <summary>Rows that it runs, about.</summary>
    public int RowCount { get; set; }

    /// <summary>Whose work it is a piece of; null: a step of several, or somebody else waits for it.</summary>
    public Sequence? Sequence { get; set; }

    /// <summary>How long devices were busy with it.</summary>
    public TimeSpan Busy { get; set; }

    /// <summary>Why it ended before its time; null: it did not.</summary>
    public Exception? Error { get; set; }

    /// <summary>What the head made, where it ran.</summary>
    public IHeadRows? Head { get; init; }

    /// <summary>Hears of the end, on the thread that came to it.</summary>
    public Action<Job>? Ended { get; set; }

    /// <summary>Runs all that is to be run in a lane, from <see cref="Stage"/> on.</summary>
    /// <returns>Whether another lane comes next.</returns>
    public abstract bool Run(ILane lane);
}
