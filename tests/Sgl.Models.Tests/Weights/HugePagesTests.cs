using System.Runtime.InteropServices;

namespace Sgl.Models;

/// <summary>Joining pages changes where memory lies, never what is in it or how much there is.</summary>
public sealed class HugePagesTests
{
    private const int Page = 4096;
    private const int Bytes = 64 << 20;

    [Fact]
    public unsafe void JoinResident_MemoryInUse_KeepsItsBytes()
    {
        var memory = (byte*)NativeMemory.AllocZeroed(Bytes);
        try
        {
            for (var i = 0; i < Bytes; i++)
            {
                memory[i] = (byte)(i * 7 / Page);
            }

            var joined = HugePages.JoinResident();

            // Systems without large pages join nothing, which is no fault.
            Assert.InRange(joined, 0, long.MaxValue);
            for (var i = 0; i < Bytes; i++)
            {
                if (memory[i] != (byte)(i * 7 / Page))
                {
                    Assert.Fail($"byte {i} changed");
                }
            }
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    [Fact]
    public unsafe void JoinResident_MemoryHardlyTouched_StaysUntouched()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var memory = (byte*)NativeMemory.AllocZeroed(Bytes);
        try
        {
            for (var i = 0; i < Bytes; i += 16 * Page)
            {
                memory[i] = 1;
            }

            var before = Resident(memory);
            HugePages.JoinResident();
            Assert.InRange(Resident(memory), 1, before);
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    private static unsafe long Resident(byte* memory)
    {
        var first = (nint)(((long)memory + Page - 1) / Page * Page);
        var pages = new byte[(Bytes / Page) - 1];
        Assert.Equal(0, Mincore(first, (nuint)(pages.Length * (long)Page), pages));
        return pages.Count(p => (p & 1) != 0) * (long)Page;
    }

    [DllImport("libc", EntryPoint = "mincore")]
    private static extern int Mincore(nint address, nuint length, [Out] byte[] resident);
}
