global using Sgl.Inference;

// What the stand-in counts belongs to the process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
