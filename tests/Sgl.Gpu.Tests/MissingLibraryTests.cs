using System.Runtime.InteropServices;
using Sgl.Gpu.Tests.Support;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;

namespace Sgl.Gpu.Tests;

/// <summary>A machine without CUDA: the build with the CUDA runtime says what is missing, the other one that it is the other one.</summary>
public sealed class MissingLibraryTests
{
    [SkippableFact]
    public async Task LoadAsync_WithoutCuda_NamesEveryMissingLibraryItsVersionAndARemedy()
    {
        Skip.If(NativeLibrary.TryLoad("libcudart.so.13", out _), "there is a CUDA runtime here");
        Skip.IfNot(BuiltForGpus(), "built without -p:Gpu=true");
        using var folder = Shapes.Folder("InternVL2-2B");
        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Shapes.Options(folder, "cuda")));
        Assert.Contains("libcudart.so.13 (CUDA 13), libcublas.so.13 (CUDA 13), libcublasLt.so.13 (CUDA 13)", error.Message, StringComparison.Ordinal);
        Assert.Contains("libcudnn.so.9 (cuDNN 9.13 or later for CUDA 13)", error.Message, StringComparison.Ordinal);
        Assert.Contains("LD_LIBRARY_PATH", error.Message, StringComparison.Ordinal);
    }

    private static bool BuiltForGpus()
    {
        OrtHost.EnsureCreated(threads: 0);
        return CudaLibraries.AreBuiltFor;
    }

    [SkippableFact]
    public async Task LoadAsync_CpuBuild_SaysHowToBuildForGpus()
    {
        Skip.If(BuiltForGpus(), "built with -p:Gpu=true");
        using var folder = Shapes.Folder("InternVL2-2B");
        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Shapes.Options(folder, "cuda:0")));
        Assert.Contains("-p:Gpu=true", error.Message, StringComparison.Ordinal);
    }
}
