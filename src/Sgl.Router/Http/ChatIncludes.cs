namespace Sgl.Router;

/// <summary>What a request wants to see beside the answer: <c>sgl.include</c>. All of it is optional, because vectors and masks are larger than answers.</summary>
[Flags]
internal enum ChatIncludes
{
    None = 0,

    /// <summary>One number per visual token.</summary>
    Importance = 1,

    /// <summary>Where each visual token lies in its picture.</summary>
    Layout = 2,

    /// <summary>Which visual tokens the large model kept, and from which layer on.</summary>
    Pruning = 4,

    /// <summary>Counts and times of each model.</summary>
    Runs = 8,
}
