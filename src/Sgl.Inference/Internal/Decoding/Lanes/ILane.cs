namespace Sgl.Inference.Internal.Decoding.Lanes;

/// <summary>Consecutive stages on one device, with the memory that their runs need. Used by one thread at a time, see <see cref="DeviceWorker"/>.</summary>
internal interface ILane : IDisposable
{
    /// <summary>The device.</summary>
    DeviceId Device { get; }

    /// <summary>Number of the first stage.</summary>
    int FirstStage { get; }

    /// <summary>Number of the last stage.</summary>
    int LastStage { get; }

    /// <summary>Runs a chunk of a pass through stages <paramref name="first"/> to <paramref name="last"/>.</summary>
    /// <exception cref="OperationCanceledException">The sequence's caller went away.</exception>
    void Advance(ForwardPass pass, ChunkRows chunk, int first, int last);

    /// <summary>Runs one row of each sequence, from <see cref="Sequence.Hidden"/>, through all stages of the lane. Where the rows are then is the lane's own affair until <see cref="Leave"/>.</summary>
    void Step(List<Sequence> set);

    /// <summary>Moves what the last step left into <see cref="Sequence.Hidden"/>, for the next lane.</summary>
    void Leave(List<Sequence> set);
}
