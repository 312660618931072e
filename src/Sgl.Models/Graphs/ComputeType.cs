namespace Sgl.Models;

/// <summary>Arithmetic inside a graph. Graph inputs and outputs that the engine touches are float32 whatever this is, except KV caches.</summary>
public enum ComputeType
{
    /// <summary>float32, the only one on CPU.</summary>
    Float32,

    /// <summary>float16 on CUDA.</summary>
    Float16,

    /// <summary>bfloat16 on CUDA.</summary>
    BFloat16,
}
